"""Names of uploads: what is kept of a file's name, and what a document is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upload_names import LONGEST_FILENAME, clean_filename, suffix_of, title_of


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("notes.txt", "notes.txt"),
        ("C:\\Users\\me\\notes.txt", "notes.txt"),
        ("../../etc/passwd", "passwd"),
        ("/", None),
        ("..", None),
        ("a/..", None),
        (".", None),
        ("", None),
        (None, None),
        ("a\0b\r\n.md", "ab.md"),
        ("\u202etxt.exe\u2066", "txt.exe"),
        (" Übung 1.pdf ", "Übung 1.pdf"),
        ("\u200b\ufeff", None),
        ("x" * 4096 + ".epub", "x" * 250 + ".epub"),
        ("x" * 300, "x" * 255),
        ("\ud800.txt", ".txt"),
    ],
)
def test_filename_is_its_last_part_as_far_as_it_is_seen(sent: str | None, kept: str | None) -> None:
    """Folders, controls and marks that turn the writing round go; the suffix survives a cut."""
    assert clean_filename(sent) == kept


@given(st.text())
def test_cleaned_filename_is_clean(sent: str) -> None:
    """Whatever is sent, a row holds what is left, and to clean it again changes nothing."""
    kept = clean_filename(sent)

    assert kept is None or (0 < len(kept) <= LONGEST_FILENAME and kept.isprintable())
    assert kept is None or not {"/", "\\"} & set(kept)
    assert clean_filename(kept) == kept


@pytest.mark.parametrize(
    ("filename", "suffix"),
    [("a.csv", ".csv"), ("a.b.MD", ".MD"), ("a", ""), (None, ""), ("a.c v", ""), ("a.", "")],
)
def test_suffix_is_the_ending_with_its_dot(filename: str | None, suffix: str) -> None:
    """It hints at the kind of a text."""
    assert suffix_of(filename) == suffix


@pytest.mark.parametrize(
    ("filename", "text", "title"),
    [
        ("a.txt", "Text.", "a.txt"),
        (None, "\n First line \nSecond", "First line"),
        (None, "\u202e\n", "Untitled"),
        ("x" * 100, "", "x" * 80),
    ],
)
def test_title_is_the_name_or_how_the_text_begins(
    filename: str | None, text: str, title: str
) -> None:
    """A document is never nameless."""
    assert title_of(filename, text) == title
