"""A document's bytes to its text: which kind it is, and who reads that. Runs in the capped process.

The kind is told from the content. A name only breaks ties between kinds of text.
"""

from functools import partial

from app.ingest.archive import Budget
from app.ingest.builder import TextBuilder
from app.ingest.bundle import write_bundle
from app.ingest.captions import write_captions
from app.ingest.data import read_json, read_json_lines, write_json
from app.ingest.docx import write_docx
from app.ingest.epub import write_epub
from app.ingest.errors import EmptyDocumentError, LimitExceededError
from app.ingest.html import decode_html, write_html
from app.ingest.kinds import Kind
from app.ingest.limits import LIMITS, RECOGNITION_LIMITS, Limits
from app.ingest.mail import write_mail
from app.ingest.markdown import write_markdown
from app.ingest.odt import write_odt
from app.ingest.outline import Parsed
from app.ingest.packed_kinds import kind_of_archive
from app.ingest.pdf import write_pdf
from app.ingest.rtf import write_rtf
from app.ingest.signatures import is_pdf, is_rtf, is_zip, refuse_unreadable
from app.ingest.tables import write_table
from app.ingest.text import decode
from app.ingest.text_kinds import kind_of_text


def parse(data: bytes, name: str = "", limits: Limits = LIMITS) -> Parsed:
    """Return the text of a document, and its outline.

    Raises:
        IngestError: it is of no kind that is read, or cannot be read as its kind.
    """
    builder = TextBuilder(limits)
    kind, encoding = _write(builder, Budget(limits), data, name)
    return _parsed(builder, kind, encoding)


def recognise(data: bytes, limits: Limits = RECOGNITION_LIMITS) -> Parsed:
    """Return the text of a PDF file, with that of pages that are pictures.

    Raises:
        IngestError: it cannot be read, or takes too much.
    """
    from app.ingest.recognition import Recogniser  # here: it loads an optional extra

    builder = TextBuilder(limits)
    write_pdf(builder, data, Recogniser(limits).read)
    return _parsed(builder, Kind.PDF, None)


def _parsed(builder: TextBuilder, kind: Kind, encoding: str | None) -> Parsed:
    text = builder.text()
    if not text.strip():
        raise EmptyDocumentError("the document is empty: it holds no text")
    return Parsed(
        kind=kind,
        encoding=encoding,
        pages=builder.pages(text),
        headings=builder.headings(),
        left_out=tuple(builder.left_out),
        text=text,
    )


def _write(builder: TextBuilder, budget: Budget, data: bytes, name: str) -> tuple[Kind, str | None]:
    refuse_unreadable(data)
    try:
        if is_pdf(data):
            write_pdf(builder, data)
            return Kind.PDF, None
        if is_zip(data):
            return _write_packed(builder, data, budget), None
        if is_rtf(data):
            write_rtf(builder, data)
            return Kind.RTF, None
        return _write_text(builder, data, name)
    except RecursionError as error:
        raise LimitExceededError(
            "the document's parts are nested more deeply than can be read; flatten it"
        ) from error


def _write_packed(builder: TextBuilder, data: bytes, budget: Budget) -> Kind:
    with budget.open(data) as archive:
        kind = kind_of_archive(archive)
        match kind:
            case Kind.DOCX:
                write_docx(builder, archive, data)
            case Kind.EPUB:
                write_epub(builder, archive)
            case Kind.ODT:
                write_odt(builder, archive)
            case _:
                write_bundle(builder, archive, partial(_write, builder, budget))
    return kind


def _write_text(builder: TextBuilder, data: bytes, name: str) -> tuple[Kind, str | None]:
    text, encoding = decode(data)
    builder.require_room(len(text))  # before anything looks through all of it
    kind = kind_of_text(text, name)
    match kind:
        case Kind.HTML:
            text, encoding = decode_html(data)
            write_html(builder, text)
        case Kind.EMAIL:
            write_mail(builder, data)
            return kind, None  # each part names its own
        case Kind.JSON:
            write_json(builder, read_json(text))
        case Kind.JSON_LINES:
            for record in read_json_lines(text):
                write_json(builder, record)
        case Kind.CSV:
            write_table(builder, text)
        case Kind.SRT | Kind.VTT:
            write_captions(builder, text, kind)
        case Kind.MARKDOWN:
            write_markdown(builder, text)
        case _:
            builder.add_verbatim(text)
    return kind, encoding
