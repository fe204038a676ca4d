"""EPUB: chapters of XHTML in the order of the book's spine."""

import re
from collections.abc import Iterator
from posixpath import dirname, join, normpath
from urllib.parse import unquote

from app.ingest.archive import Archive
from app.ingest.builder import TextBuilder
from app.ingest.errors import DamagedDocumentError, EmptyDocumentError, ProtectedDocumentError
from app.ingest.html import decode_html, write_html
from app.ingest.xml import attribute, find_all, parse_xml

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_ALGORITHMS = (
    "http://www.idpf.org/2008/embedding",
    "http://ns.adobe.com/pdf/enc#RC",
)
_XHTML = ("application/xhtml+xml", "text/html")
_EMPTY_ELEMENT = re.compile(r"<([A-Za-z][\w:-]*)((?:\s[^<>]*?)?)/>")
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


def write_epub(builder: TextBuilder, archive: Archive) -> None:
    """Add all chapters, without the table of contents.

    Raises:
        IngestError: a limit, damage, or a seller's lock.
    """
    _refuse_locked(archive)
    for name in _chapters(archive):
        try:
            markup, _ = decode_html(archive.read(name))
        except EmptyDocumentError:
            continue
        write_html(builder, _EMPTY_ELEMENT.sub(_with_end_tag, markup))


def _refuse_locked(archive: Archive) -> None:
    if _ENCRYPTION not in archive:
        return
    for method in find_all(parse_xml(archive.read(_ENCRYPTION)), "EncryptionMethod"):
        if attribute(method, "Algorithm") not in _FONT_ALGORITHMS:
            raise ProtectedDocumentError(
                "the book is locked by its seller (DRM), so its text cannot be read; upload a copy "
                "without the lock"
            )


def _chapters(archive: Archive) -> Iterator[str]:
    container = parse_xml(archive.read(_CONTAINER))
    package_name = next(
        (attribute(rootfile, "full-path") for rootfile in find_all(container, "rootfile")), None
    )
    if not package_name:
        raise DamagedDocumentError("the EPUB file does not say where its list of chapters is")
    package, folder = parse_xml(archive.read(package_name)), dirname(package_name)
    items = {item.get("id"): item for item in find_all(package, "item")}
    contents = {
        (reference.get("href") or "").partition("#")[0]
        for reference in find_all(package, "reference")
        if reference.get("type") == "toc"
    }
    for reference in find_all(package, "itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _XHTML:
            continue
        is_contents = "nav" in (item.get("properties") or "").split()
        if not is_contents and item.get("href") not in contents:
            yield normpath(join(folder, unquote(item.get("href") or "")))


def _with_end_tag(found: re.Match[str]) -> str:
    """Write `<title/>` as HTML has it: there it would be a start without an end."""
    tag, attributes = found.groups()
    return found.group() if tag.lower() in _VOID else f"<{tag}{attributes}></{tag}>"
