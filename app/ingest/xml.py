"""XML parts of documents, parsed without what documents never need: DTDs and entities."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder  # defusedxml parses

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from app.ingest.errors import DamagedDocumentError
from app.ingest.limits import LIMITS
from app.ingest.nesting import too_deep


def parse_xml(data: bytes) -> Element:
    """Return the root element.

    Raises:
        DamagedDocumentError: it is no XML, or declares entities, as bombs do.
        LimitExceededError: its elements are nested too deeply.
    """
    try:
        root: Element = _read(data, _ShallowTree())
    except DefusedXmlException as error:
        raise DamagedDocumentError(
            "a part of the document declares a DTD or entities, which no such document needs; "
            "save it anew"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise DamagedDocumentError(
            "a part of the document is no well-formed XML; save the document anew"
        ) from error
    return root


def refuse_deep_xml(data: bytes) -> None:
    """Refuse XML that is nested too deeply; anything that is no XML passes.

    Raises:
        LimitExceededError
    """
    with suppress(ParseError, DefusedXmlException, ValueError, LookupError):
        _read(data, _Depth())


def _read(data: bytes, target: "_Depth | _ShallowTree") -> Any:
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    parser.feed(data)
    return parser.close()


class _Depth:
    """Counts the elements that are open, and builds nothing."""

    def __init__(self) -> None:
        self._open = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  the parser's
        self._open += 1
        if self._open > LIMITS.element_nesting:
            raise too_deep(LIMITS.element_nesting)

    def end(self, tag: str) -> None:  # noqa: ARG002
        self._open -= 1

    def close(self) -> None:
        """End; there is nothing to give."""


class _ShallowTree(TreeBuilder):
    """Builds a tree that is not too deep."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = _Depth()

    def start(self, tag: str, attributes: dict[str, str]) -> Element:
        self._depth.start(tag, attributes)
        return super().start(tag, attributes)

    def end(self, tag: str) -> Element:
        self._depth.end(tag)
        return super().end(tag)


def find_all(root: Element, name: str) -> Iterator[Element]:
    """Give all elements of a local name, whatever their namespace."""
    return (element for element in root.iter() if local_name(element) == name)


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """Return an attribute by its local name, whatever its namespace."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return None
