"""Files that real tools made of one book (`real/make.sh`): its text comes out in reading order."""

from pathlib import Path
from typing import NamedTuple

import pytest

from app.ingest.errors import UnsupportedDocumentError
from app.ingest.kinds import Kind
from app.ingest.outline import Parsed
from app.ingest.parsing import parse

REAL = Path(__file__).parent / "real"
IN_ORDER = (
    "The Lamp",
    "lit at dusk by the keeper’s youngest child.",
    "Chez Zoë",
    "opens at nine; a cup costs 2 € and “nobody haggles”.",
    "The stair",
    "The stair has these steps:",
    "granite",
    "grey",
    "red",
    "oak",
    "Light the lamp.",
    "Ring the bell.",
    "Alba",
    "12",
    "80",
    "Vesna",
    "45",
    "Mind the third step, said the old keeper.",
    'lamp --oil 3 --wick "short"',
    "bell: twice",
    "The Fog",
    *(f"Paragraph {number} of the fog: it keeps to the shore" for number in range(1, 21)),
    "Greek Ωκεανός and Cyrillic Гавань stand here as well.",
    "The difficult office files fit fluently.",
    "The End",
    "Nobody has changed it since 1807.",
)
NOTE = "In winter by the eldest, because the stair is icy."
TITLE = [(1, "The Harbour Book")]
CHAPTERS = [(1, "The Lamp"), (2, "The stair"), (1, "The Fog"), (1, "The End")]
LIST = "\n- granite\n  - grey\n  - red\n- oak\n1. Light the lamp.\n2. Ring the bell.\n"
TABLE = "ship | crew | tons\nAlba | 12 | 80\nVesna | 7 | 45"


class Expected(NamedTuple):
    """What comes out of a file."""

    kind: Kind
    headings: list[tuple[int, str]]
    num_pages: int = 0
    has_list: bool = True
    has_table: bool = True
    has_note: bool = True


FILES = {
    "pandoc.docx": Expected(Kind.DOCX, TITLE + CHAPTERS),
    "pandoc.odt": Expected(Kind.ODT, TITLE + CHAPTERS),
    "pandoc.epub": Expected(Kind.EPUB, TITLE + CHAPTERS),
    "pandoc-2.epub": Expected(Kind.EPUB, TITLE + CHAPTERS),
    "pandoc.html": Expected(Kind.HTML, TITLE + CHAPTERS),
    "pandoc.rtf": Expected(Kind.RTF, [], has_list=False, has_note=False),
    "pandoc.txt": Expected(Kind.TEXT, [], has_list=False, has_table=False),
    "libreoffice.odt": Expected(Kind.ODT, TITLE + CHAPTERS, num_pages=2),
    "libreoffice.docx": Expected(Kind.DOCX, TITLE + CHAPTERS),
    "libreoffice-from-odt.docx": Expected(Kind.DOCX, TITLE + CHAPTERS),
    "libreoffice.html": Expected(Kind.HTML, CHAPTERS),
    "libreoffice.rtf": Expected(Kind.RTF, [], has_list=False, has_note=False),
    "libreoffice.pdf": Expected(Kind.PDF, CHAPTERS, num_pages=3, has_list=False, has_table=False),
    "libreoffice.epub": Expected(Kind.EPUB, [], has_list=False, has_table=False),
    "libreoffice.txt": Expected(Kind.TEXT, [], has_list=False, has_table=False, has_note=False),
    "chromium.pdf": Expected(
        Kind.PDF, TITLE + CHAPTERS, num_pages=4, has_list=False, has_table=False
    ),
    "calibre.epub": Expected(Kind.EPUB, TITLE + CHAPTERS),
    "calibre-from-docx.epub": Expected(Kind.EPUB, [*CHAPTERS, (1, "Notes")], has_list=False),
    "calibre.docx": Expected(Kind.DOCX, [(1, "Table of Contents"), *TITLE, *TITLE, *CHAPTERS]),
    "calibre.rtf": Expected(Kind.RTF, [], has_list=False, has_table=False),
}


def read(name: str) -> Parsed:
    return parse((REAL / name).read_bytes(), name)


def words(text: str) -> str:
    """Without what a page's width did to the lines."""
    return " ".join(text.split())


def assert_in_order(text: str) -> None:
    """All that the book says follows one another, the last time that the first of it stands."""
    place = text.rindex(IN_ORDER[1]) - len(IN_ORDER[0]) - 2
    for phrase in IN_ORDER[1:]:
        found = text.find(phrase, max(place, 0))
        assert found >= 0, f"{phrase!r} is missing, or stands before {text[place : place + 60]!r}"
        place = found + len(phrase)


@pytest.mark.parametrize("name", FILES)
def test_text_comes_out_in_reading_order(name: str) -> None:
    """Every sentence, cell and item of the book stands where a reader would meet it."""
    parsed, expected = read(name), FILES[name]

    assert parsed.kind is expected.kind
    assert_in_order(words(parsed.text))
    assert (NOTE in parsed.text) is expected.has_note
    assert (LIST in parsed.text) is expected.has_list
    assert (TABLE in parsed.text) is expected.has_table
    assert parsed.left_out == ()


@pytest.mark.parametrize("name", FILES)
def test_headings_and_pages_stand_where_they_are(name: str) -> None:
    """A heading's offset is that of its words; the text begins and ends on its pages."""
    parsed, expected = read(name), FILES[name]

    assert [(heading.level, heading.title) for heading in parsed.headings] == expected.headings
    for heading in parsed.headings:
        assert parsed.text[heading.start :].startswith(heading.title)
    assert len(parsed.pages) == expected.num_pages
    if expected.num_pages:
        first, last = (parsed.text.index(phrase) for phrase in ("lit at dusk", "since 1807"))
        assert parsed.page_at(first) == parsed.pages[0]
        assert parsed.page_at(last) in parsed.pages[-2:]  # only notes stand behind it


def test_old_word_file_is_refused_by_name() -> None:
    """What Word wrote before 2007 is told, with what to do."""
    with pytest.raises(UnsupportedDocumentError, match=r"old Microsoft Office.*DOCX"):
        read("libreoffice.doc")


def test_archive_of_real_files_is_one_document() -> None:
    """Each stands under its name, with its own headings below that, and its pages."""
    parsed = read("infozip.zip")

    assert [heading.title for heading in parsed.headings if heading.level == 1] == [
        "libreoffice.odt",
        "pandoc.docx",
        "pandoc.txt",
    ]
    assert parsed.text.count("Nobody has changed it since 1807.") == 3
    assert len(parsed.pages) == 2


def test_zipped_page_of_calibre_is_read() -> None:
    """Its styles and metadata stand behind the text, as any source code would."""
    parsed = read("calibre-html.zip")

    assert_in_order(words(parsed.text))
    assert [heading.title for heading in parsed.headings if heading.level == 1] == [
        "index.html",
        "metadata.opf",
        "style.css",
    ]
