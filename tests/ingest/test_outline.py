"""Where things are in a text: looked up by offset, and through JSON and back."""

import json

import pytest

from app.ingest.kinds import Kind
from app.ingest.outline import Heading, Outline, PageSpan, Parsed

OUTLINE = Outline(
    kind=Kind.PDF,
    encoding=None,
    pages=(PageSpan(1, "i", 0, 10), PageSpan(2, "ii", 12, 12), PageSpan(3, "1", 12, 20)),
    headings=(Heading(1, "Ä", 0), Heading(2, "B", 3), Heading(2, "C", 6), Heading(1, "D", 15)),
    left_out=("x.png",),
)


@pytest.mark.parametrize(("offset", "number"), [(0, 1), (9, 1), (11, None), (12, 3), (20, None)])
def test_page_is_found_by_offset(offset: int, number: int | None) -> None:
    """A character stands on the page whose span holds it; an empty page holds none."""
    page = OUTLINE.page_at(offset)

    assert (page and page.number) == number


@pytest.mark.parametrize(("offset", "path"), [(0, "Ä"), (4, "ÄB"), (14, "ÄC"), (16, "D")])
def test_headings_above_are_found_by_offset(offset: int, path: str) -> None:
    """The path has the nearest heading of each level."""
    assert "".join(heading.title for heading in OUTLINE.headings_at(offset)) == path


def test_json_gives_the_outline_back() -> None:
    """What goes into the store comes out the same, without the text."""
    parsed = Parsed(kind=Kind.TEXT, encoding="utf-8", text="secret")

    assert Outline.from_json(OUTLINE.to_json()) == OUTLINE
    assert b"secret" not in parsed.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "none"},
        {"pages": [[1]]},
        {"headings": [{"level": 1, "title": "x", "start": "1"}]},
        {"pages": [{"number": 1, "label": "", "start": -1, "end": 3}]},
        {"headings": None},
    ],
)
def test_other_json_is_refused(change: dict[str, object]) -> None:
    """An outline from elsewhere is checked."""
    with pytest.raises(ValueError, match=r"none|outline"):
        Outline.from_json(json.dumps(json.loads(OUTLINE.to_json()) | change).encode())
