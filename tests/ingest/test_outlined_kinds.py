"""Kinds with headings or pages: the text in order, each in its place; what is locked is refused."""

from email.message import EmailMessage
from io import BytesIO

import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.ingest.errors import (
    DamagedDocumentError,
    EmptyDocumentError,
    ProtectedDocumentError,
    ScannedDocumentError,
)
from app.ingest.kinds import Kind
from app.ingest.outline import Parsed
from app.ingest.parsing import parse
from tests.ingest.made import make_docx, make_epub, make_odt, make_pdf, make_zip


def titles(parsed: Parsed) -> list[tuple[int, str]]:
    for heading in parsed.headings:
        assert parsed.text[heading.start :].startswith(heading.title)
    return [(heading.level, heading.title) for heading in parsed.headings]


def pages(parsed: Parsed) -> list[tuple[str, str]]:
    return [(page.label, parsed.text[page.start : page.end]) for page in parsed.pages]


def test_markdown_keeps_its_text_and_finds_its_headings() -> None:
    """Headings are found where they stand; signs in code are none."""
    text = "# One *two*\n\nText.\n\nThree\n-----\n\n```\n# no\n```\n\n> ## Four\n"
    parsed = parse(text.encode())

    assert (parsed.kind, parsed.text) == (Kind.MARKDOWN, text)
    assert titles(parsed) == [(1, "One *two*"), (2, "Three"), (2, "Four")]


def test_front_matter_of_markdown_is_no_heading() -> None:
    """The lines between two rules at the beginning say something about the text."""
    text = "---\ntitle: The Book\nlang: en\n---\n\n# One\n\nx\n\nTwo\n---\n"
    parsed = parse(text.encode(), "a.md")

    assert parsed.text == text
    assert titles(parsed) == [(1, "One"), (2, "Two")]


def test_pdf_pages_and_bookmarks_are_found() -> None:
    """Each page says what was drawn on it; a bookmark stands at its title."""
    data = make_pdf([["Head", "One", "first page text."], ["Two", "second."]], {"One": 0, "Two": 1})
    parsed = parse(data)

    assert pages(parsed) == [("1", "Head\nOne\nfirst page text."), ("2", "Two\nsecond.")]
    assert titles(parsed) == [(1, "One"), (1, "Two")]
    assert parsed.page_at(parsed.text.index("second")) == parsed.pages[1]


def test_sentence_over_a_page_break_stays_one() -> None:
    """A page that begins with a small letter goes on with the sentence before."""
    assert parse(make_pdf([["The ship that"], ["came late."]])).text == "The ship that\ncame late."


def test_scanned_pdf_is_refused() -> None:
    """Pages that are pictures are told from empty ones, with what to do."""
    made = BytesIO()
    canvas = Canvas(made)
    canvas.drawImage(ImageReader(Image.new("RGB", (50, 50), "red")), 0, 0, 500, 700)
    canvas.save()

    with pytest.raises(ScannedDocumentError, match=r"1 of the PDF file's 1 pages.*OCR"):
        parse(made.getvalue())


def test_pdf_without_text_is_empty() -> None:
    """White pages are no scan."""
    with pytest.raises(EmptyDocumentError, match="no page"):
        parse(make_pdf([[], []]))


def test_locked_pdf_is_refused() -> None:
    """A password is named as the reason."""
    with pytest.raises(ProtectedDocumentError, match="password"):
        parse(make_pdf([["secret"]], encrypt=StandardEncryption("key")))


def test_broken_pdf_is_refused() -> None:
    """What only begins like a PDF is damaged."""
    with pytest.raises(DamagedDocumentError, match="PDF file is damaged"):
        parse(b"%PDF-1.7 and so on")


def test_docx_gives_headings_lists_and_tables() -> None:
    """What Word's styles mean is kept."""
    parsed = parse(make_docx())

    assert parsed.text == (
        "The Harbour\n\nChapter One\n\nThe café opens at nine.\n- ropes\n- sails\n\n"
        "ship | crew\nAlba | 12\n\nThe end."
    )
    assert titles(parsed) == [(1, "The Harbour"), (1, "Chapter One")]


def test_odt_gives_pages_headings_notes_and_tables() -> None:
    """Pages begin where LibreOffice noted it, and at styles that ask for a new one."""
    style = '<style:style style:name="P1"><style:p fo:break-before="page"/></style:style>'
    body = (
        '<text:h text:outline-level="2">One</text:h><text:p>A<text:s text:c="2"/>b<text:note>'
        "<text:note-citation>7</text:note-citation><text:note-body><text:p>Foot.</text:p>"
        "</text:note-body></text:note> c<text:soft-page-break/>d.</text:p><text:list>"
        "<text:list-item><text:p>x</text:p></text:list-item></text:list><table:table>"
        "<table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell>"
        "<text:p>2</text:p></table:table-cell></table:table-row></table:table>"
        '<text:p text:style-name="P1">New.</text:p>'
    )
    parsed = parse(make_odt(body, style.replace("style:p ", "style:paragraph-properties ")))

    assert titles(parsed) == [(2, "One")]
    assert pages(parsed) == [
        ("1", "One\n\nA  b[1] c"),
        ("2", "d.\n- x\n\n1 | 2"),
        ("3", "New.\n\n[1] Foot."),
    ]


def test_epub_follows_its_spine() -> None:
    """Chapters come in reading order; print pages are found where the book marks them."""
    first = '<html><head><title/></head><body><h1>One</h1><p>a <span epub:type="pagebreak" '
    first += 'title="iv"/>b</p></body></html>'
    parsed = parse(make_epub({"zz": first, "aa": "<h2>Two</h2><p>c</p>"}))

    assert parsed.text == "One\n\na b\n\nTwo\n\nc"
    assert titles(parsed) == [(1, "One"), (2, "Two")]
    assert pages(parsed) == [("iv", "b\n\nTwo\n\nc")]


@pytest.mark.parametrize(
    ("algorithm", "is_locked"),
    [
        ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", True),
        ("http://www.idpf.org/2008/embedding", False),
    ],
)
def test_locked_epub_is_refused(algorithm: str, is_locked: bool) -> None:
    """A seller's lock is refused; fonts that are merely hidden are not."""
    method = f'<encryption><EncryptionMethod Algorithm="{algorithm}"/></encryption>'
    data = make_epub({"one": "<p>x</p>"}, {"META-INF/encryption.xml": method})

    if is_locked:
        with pytest.raises(ProtectedDocumentError, match="DRM"):
            parse(data)
    else:
        assert parse(data).text == "x"


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_mail_gives_its_head_and_body(subtype: str) -> None:
    """Subject, people and text are kept, attachments are named."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@b.org", "c@d.org", "Grüße"
    body = "Schöne Grüße." if subtype == "plain" else "<p>Schöne <b>Grüße</b>.</p>"
    message.set_content(body, subtype=subtype, charset="iso-8859-1")
    message.add_attachment(b"x", maintype="image", subtype="png", filename="a.png")
    parsed = parse(bytes(message))

    assert parsed.kind is Kind.EMAIL
    assert parsed.text == (
        "Grüße\n\nFrom: a@b.org\nTo: c@d.org\n\nSchöne Grüße.\n\nAttachments: a.png"
    )
    assert (titles(parsed), parsed.left_out) == ([(1, "Grüße")], ("a.png",))


def test_zip_gives_its_files_by_name() -> None:
    """Files come in the order of their names and numbers; what is no text is named and left out."""
    archive = {
        "part 10.md": "# Ten\n\nx",
        "part 9.txt": "nine",
        "../../up.pdf": make_pdf([["on a page of its own"]]),
        "a\u202egnp.png": b"\x89PNG\r\n\x1a\n",
        "__MACOSX/._x": "junk",
        "empty.txt": " ",
    }
    parsed = parse(make_zip(archive))

    assert parsed.kind is Kind.ZIP
    assert titles(parsed) == [(1, "../../up.pdf"), (1, "part 9.txt"), (1, "part 10.md"), (2, "Ten")]
    assert pages(parsed) == [("1", "on a page of its own")]
    assert parsed.left_out == ("agnp.png", "empty.txt")
    assert "part 9.txt\n\nnine\n\npart 10.md\n\n# Ten" in parsed.text
    assert parsed.page_at(parsed.text.index("nine")) is None


def test_trouble_in_a_zip_names_the_file() -> None:
    """One damaged file refuses the archive, and says which it is."""
    with pytest.raises(DamagedDocumentError, match=r"file 'b\.pdf': the PDF"):
        parse(make_zip({"a.txt": "x", "b.pdf": b"%PDF-1.7"}))
