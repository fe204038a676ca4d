"""XML parts of documents, parsed without what documents never need: DTDs and entities."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError  # types; defusedxml parses

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.ingest.errors import DamagedDocumentError


def parse_xml(data: bytes) -> Element:
    """Return the root element.

    Raises:
        DamagedDocumentError: it is no XML, or declares entities, as bombs do.
    """
    try:
        root: Element = fromstring(data, forbid_dtd=True)
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
