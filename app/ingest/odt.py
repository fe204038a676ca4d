"""ODT: what LibreOffice Writer writes; page breaks as it noted them when it last laid the text out.

Notes stand at the end; comments and deleted text are left out.
"""

from xml.etree.ElementTree import Element  # a type; defusedxml parses

from app.ingest.archive import Archive
from app.ingest.builder import TextBuilder
from app.ingest.errors import DamagedDocumentError
from app.ingest.odt_styles import OdtStyles
from app.ingest.xml import attribute, find_all, local_name, parse_xml

_CONTENT, _STYLES = "content.xml", "styles.xml"
_SKIPPED = frozenset(
    "annotation tracked-changes table-of-content alphabetical-index sequence-decls forms"
    " bibliography illustration-index table-index note-citation title desc".split()
)
_MOST_SPACES = 8


def write_odt(builder: TextBuilder, archive: Archive) -> None:
    """Add a document's body.

    Raises:
        IngestError: a limit, damage, or a password.
    """
    root = parse_xml(archive.read(_CONTENT))
    body = next(find_all(root, "text"), None)
    if body is None:
        raise DamagedDocumentError("the ODT file holds no text document; save it anew")
    styles = [parse_xml(archive.read(_STYLES))] if _STYLES in archive else []
    _Writer(builder, OdtStyles([*styles, root])).write(body)


class _Writer:
    """Walks the body; holds the notes until its end."""

    def __init__(self, builder: TextBuilder, styles: OdtStyles) -> None:
        self._builder = builder
        self._styles = styles
        self._has_pages = False
        self._notes: list[str] = []

    def write(self, body: Element) -> None:
        """Add the body and its notes."""
        self._has_pages = next(find_all(body, "soft-page-break"), None) is not None
        if self._has_pages:
            self._builder.note_page()
        self._write_blocks(body)
        for number, note in enumerate(self._notes, start=1):
            self._builder.add(f"[{number}] {note}", "\n" if number > 1 else "\n\n")

    def _write_blocks(self, parent: Element) -> None:
        for element in parent:
            self._write_block(element)

    def _write_block(self, element: Element) -> None:
        name = local_name(element)
        if name == "soft-page-break":
            self._builder.note_page()
        elif name in ("p", "h"):
            self._write_paragraph(element)
        elif name == "list":
            self._write_list(element, "", 0)
        elif name == "table":
            self._write_table(element)
        elif name not in _SKIPPED:
            self._write_blocks(element)

    def _write_paragraph(self, element: Element) -> None:
        if self._has_pages and self._builder.length and self._styles.begins_page(element):
            self._builder.note_page()
        text, pages, boxes = self._read(element)
        if local_name(element) == "h":
            self._builder.add_heading(_level(element), " ".join(text.split()))
        elif self._styles.is_title(element):
            self._builder.add_heading(1, " ".join(text.split()))
        else:
            start = self._builder.add(text)
            for length in pages:
                self._builder.note_page(start=start + length)
        for box in boxes:
            self._write_blocks(box)

    def _write_list(self, element: Element, outer_style: str, depth: int) -> None:
        style = attribute(element, "style-name") or outer_style
        is_numbered = self._styles.is_numbered(style, depth)
        for number, item in enumerate(element, start=1):
            mark = f"{number}." if is_numbered else "-"
            for part in item:
                if local_name(part) == "list":
                    self._write_list(part, style, depth + 1)
                elif local_name(part) == "p":
                    text, _, _ = self._read(part)
                    self._builder.add(f"{mark} {text}" if text else "", "\n" + "  " * depth)
                else:
                    self._write_block(part)

    def _write_table(self, element: Element) -> None:
        gap = "\n\n"
        for row in find_all(element, "table-row"):
            cells = [self._read_cell(cell) for cell in row if local_name(cell) == "table-cell"]
            self._builder.add(" | ".join(cells).rstrip(" |"), gap)
            gap = "\n"

    def _read_cell(self, cell: Element) -> str:
        texts = (self._read(part)[0] for part in find_all(cell, "p"))
        return " ".join(" ".join(texts).split())

    def _read(self, element: Element) -> tuple[str, list[int], list[Element]]:
        """Return a paragraph's text, the places of page breaks in it, and the boxes tied to it."""
        pieces: list[str] = []
        pages: list[int] = []
        boxes: list[Element] = []
        self._gather(element, pieces, pages, boxes)
        return "".join(pieces).strip(), pages, boxes

    def _gather(
        self, element: Element, pieces: list[str], pages: list[int], boxes: list[Element]
    ) -> None:
        pieces.append(" ".join((element.text or "").splitlines()))
        for part in element:
            name = local_name(part)
            if name == "s":
                pieces.append(" " * min(_number(attribute(part, "c")), _MOST_SPACES))
            elif name in ("tab", "line-break"):
                pieces.append("\t" if name == "tab" else "\n")
            elif name == "soft-page-break":
                pages.append(len("".join(pieces)))
            elif name == "note":
                pieces.append(self._take_note(part))
            elif name == "text-box":
                boxes.append(part)
            elif name not in _SKIPPED:
                self._gather(part, pieces, pages, boxes)
            pieces.append(" ".join((part.tail or "").splitlines()))

    def _take_note(self, element: Element) -> str:
        body = next(find_all(element, "note-body"), None)
        place = len(self._notes)
        self._notes.append("")
        paragraphs = find_all(body, "p") if body is not None else ()
        self._notes[place] = " ".join(self._read(part)[0] for part in paragraphs)
        return f"[{place + 1}]"


def _level(element: Element) -> int:
    return max(1, _number(attribute(element, "outline-level")))


def _number(found: str | None) -> int:
    return int(found) if found and found.isascii() and found.isdigit() and len(found) < 9 else 1
