"""Which kind of document an archive is, by the files in it."""

from app.ingest.archive import Archive
from app.ingest.errors import UnsupportedDocumentError
from app.ingest.kinds import TAKEN, Kind

_MIMETYPE = "mimetype"
_KIND_BY_MIMETYPE = {
    "application/epub+zip": Kind.EPUB,
    "application/vnd.oasis.opendocument.text": Kind.ODT,
    "application/vnd.oasis.opendocument.text-template": Kind.ODT,
}
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_REFUSED_PARTS = {
    "xl/workbook.xml": "an Excel workbook; save its sheets as CSV",
    "xl/workbook.bin": "an Excel workbook; save its sheets as CSV",
    "ppt/presentation.xml": "a PowerPoint presentation; save it as PDF",
}


def kind_of_archive(archive: Archive) -> Kind:
    """Return the kind of an archive; one of no other kind is a ZIP of documents.

    Raises:
        UnsupportedDocumentError: it is a workbook or a presentation.
    """
    names = frozenset(archive.names())
    mimetype = _mimetype(archive) if _MIMETYPE in names else ""
    if mimetype in _KIND_BY_MIMETYPE:
        return _KIND_BY_MIMETYPE[mimetype]
    if mimetype.startswith(_OPEN_DOCUMENT):
        raise UnsupportedDocumentError(
            "the document is an OpenDocument file without running text, such as a spreadsheet; "
            f"save it as CSV or PDF; {TAKEN}"
        )
    for part, what in _REFUSED_PARTS.items():
        if part in names:
            raise UnsupportedDocumentError(f"the document is {what}; {TAKEN}")
    if "META-INF/container.xml" in names:
        return Kind.EPUB
    return Kind.DOCX if "[Content_Types].xml" in names and _has_body(names) else Kind.ZIP


def _mimetype(archive: Archive) -> str:
    return archive.read(_MIMETYPE)[:100].decode("ascii", "replace").strip()


def _has_body(names: frozenset[str]) -> bool:
    return any(name.startswith("word/document") for name in names)
