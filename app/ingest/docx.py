"""DOCX: what Word writes. Mammoth turns it into HTML by the meaning of its styles."""

import re
from io import BytesIO

import mammoth

from app.ingest.archive import Archive
from app.ingest.builder import TextBuilder
from app.ingest.errors import DamagedDocumentError
from app.ingest.html import write_html
from app.ingest.xml import refuse_deep_xml

_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh"
_BACK_LINK = re.compile('<a href="#[^"<>]*">↑</a>')
_DECLARES = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)")


def write_docx(builder: TextBuilder, archive: Archive, data: bytes) -> None:
    """Add a document's body, with its footnotes at the end.

    Mammoth unpacks `data` by itself, which nothing counts: so all is unpacked here first.

    Raises:
        IngestError: a limit, damage, or a password.
    """
    for name in archive.names():
        part = archive.read(name)
        _refuse_declarations(part)
        refuse_deep_xml(part)
    found = mammoth.convert_to_html(BytesIO(data), style_map=_STYLES, convert_image=lambda _: [])
    write_html(builder, _BACK_LINK.sub("", found.value))


def _refuse_declarations(part: bytes) -> None:
    if _DECLARES.search(part[:4096].replace(b"\0", b"")):
        raise DamagedDocumentError(
            "a part of the document declares a DTD or entities, which no DOCX needs; save it anew"
        )
