"""What the styles of an ODT file mean: what begins a page, what is a title, what has numbers."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element  # a type; defusedxml parses

from app.ingest.xml import attribute, find_all, local_name

_TITLE = "Title"


class OdtStyles:
    """The styles of a file, from all of its parts."""

    def __init__(self, parts: Iterable[Element]) -> None:
        self._titles, self._on_new_pages = {_TITLE}, set[str]()
        self._numbered: set[tuple[str, int]] = set()
        for part in parts:
            for style in find_all(part, "style"):
                self._learn(style)
            for style in find_all(part, "list-style"):
                self._learn_list(style)

    def is_title(self, element: Element) -> bool:
        """Tell a document's title."""
        return attribute(element, "style-name") in self._titles

    def begins_page(self, element: Element) -> bool:
        """Tell a paragraph that begins a page by itself."""
        return attribute(element, "style-name") in self._on_new_pages

    def is_numbered(self, list_style: str, depth: int) -> bool:
        """Tell a list with numbers; `depth` is 0 for one that lies in no other."""
        return (list_style, depth + 1) in self._numbered

    def _learn(self, style: Element) -> None:
        name = attribute(style, "name") or ""
        if attribute(style, "parent-style-name") == _TITLE:
            self._titles.add(name)
        breaks = any(attribute(part, "break-before") == "page" for part in style)
        if breaks or attribute(style, "master-page-name"):
            self._on_new_pages.add(name)

    def _learn_list(self, style: Element) -> None:
        for level in style:
            number = attribute(level, "level") or ""
            has_numbers = local_name(level) == "list-level-style-number"
            if has_numbers and attribute(level, "num-format") and number.isdecimal():
                self._numbered.add((attribute(style, "name") or "", int(number)))
