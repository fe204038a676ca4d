"""Documents made by the libraries that write such files."""

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO

import docx
from reportlab.pdfgen.canvas import Canvas

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
ODT_START = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0">'
)


def make_zip(files: Mapping[str, bytes | str], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pack files, in this order."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", packed) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # of one time always
            info.compress_type = packed
            archive.writestr(info, content)
    return made.getvalue()


def make_pdf(
    pages: Sequence[Sequence[str]], bookmarks: Mapping[str, int] | None = None, **options: object
) -> bytes:
    """Draw lines of text on pages; a bookmark names the index of its page."""
    made = BytesIO()
    canvas = Canvas(made, **options)
    for index, lines in enumerate(pages):
        canvas.bookmarkPage(str(index))
        for title, target in (bookmarks or {}).items():
            if target == index:
                canvas.addOutlineEntry(title, str(index))
        for number, line in enumerate(lines):
            canvas.drawString(72, 780 - 20 * number, line)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def make_docx() -> bytes:
    """A title, a chapter, a list, a table and a last paragraph."""
    document = docx.Document()
    document.add_heading("The Harbour", 0)
    document.add_heading("Chapter One", 1)
    document.add_paragraph("The café opens at nine.")
    document.add_paragraph("ropes", style="List Bullet")
    document.add_paragraph("sails", style="List Bullet")
    table = document.add_table(2, 2)
    for row, texts in enumerate((("ship", "crew"), ("Alba", "12"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    document.add_paragraph("The end.")
    made = BytesIO()
    document.save(made)
    return made.getvalue()


def make_odt(body: str, styles: str = "") -> bytes:
    """An ODT file with this body."""
    content = (
        f"{ODT_START}<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f"<office:text>{body}</office:text></office:body></office:document-content>"
    )
    mimetype = "application/vnd.oasis.opendocument.text"
    return make_zip({"mimetype": mimetype, "content.xml": content})


def make_epub(chapters: Mapping[str, str], more: Mapping[str, str] | None = None) -> bytes:
    """A book whose spine has the chapters in this order, whatever the archive's order is."""
    items = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>'
        for name in chapters
    )
    spine = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf">'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    files = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
    files |= {"OEBPS/book.opf": package}
    files |= {f"OEBPS/{name}.xhtml": text for name, text in reversed(chapters.items())}
    return make_zip(files | dict(more or {}))
