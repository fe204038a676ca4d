"""What parsing gives: a text, and where its pages and headings are. Also as JSON, for the store.

Offsets count characters of the text.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, TypeVar

from app.ingest.kinds import Kind

_FORMAT = 1
_Part = TypeVar("_Part", "PageSpan", "Heading")


@dataclass(frozen=True, slots=True)
class PageSpan:
    """What one page says, without the white space around it."""

    number: int
    """Counts from 1 through the document."""
    label: str
    """What the page calls itself, such as `iv`; its number if it has no other name."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a section."""

    level: int
    """From 1, the outermost, to 6."""
    title: str
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Where the parts of a text are."""

    kind: Kind
    encoding: str | None
    """Character encoding of the file; None where the format has its own rules."""
    pages: tuple[PageSpan, ...] = ()
    headings: tuple[Heading, ...] = ()
    left_out: tuple[str, ...] = ()
    """Names of files in an archive that hold no text."""

    def page_at(self, offset: int) -> PageSpan | None:
        """Return the page that a character stands on; None between pages and without any."""
        before = bisect_right(self.pages, offset, key=lambda page: page.start)
        page = self.pages[before - 1] if before else None
        return page if page and offset < page.end else None

    def headings_at(self, offset: int) -> tuple[Heading, ...]:
        """Return the headings that a character stands under, the outermost first."""
        found: list[Heading] = []
        for heading in reversed(self.headings):
            if heading.start <= offset and (not found or heading.level < found[-1].level):
                found.append(heading)
        return tuple(reversed(found))

    def to_json(self) -> bytes:
        """Return the outline as JSON, without a text."""
        fields = asdict(self) | {"format": _FORMAT}
        fields.pop("text", None)
        return json.dumps(fields, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        return cls(**read_fields(json.loads(data)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed(Outline):
    """A document's text and outline."""

    text: str


def read_fields(found: Any) -> dict[str, Any]:
    """Check the members of an outline that came from elsewhere, and return them.

    Raises:
        ValueError: they are no outline's.
    """
    try:
        return {
            "kind": Kind(found["kind"]),
            "encoding": None if found["encoding"] is None else str(found["encoding"]),
            "pages": tuple(_in_order(PageSpan(**page) for page in found["pages"])),
            "headings": tuple(_in_order(Heading(**heading) for heading in found["headings"])),
            "left_out": tuple(str(name) for name in found["left_out"]),
        }
    except (KeyError, TypeError) as error:
        raise ValueError("this is no outline") from error


def _in_order(parts: Iterable[_Part]) -> Iterable[_Part]:
    before = 0
    for part in parts:
        if not all(type(getattr(part, field.name)) is field.type for field in fields(part)):
            raise ValueError("this is no outline: a part of it is of another type")
        if part.start < before:
            raise ValueError("this is no outline: its parts are not in order")
        before = part.start
        yield part
