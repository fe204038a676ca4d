"""How deep a document is, told before it is built."""

import pytest

from app.ingest.errors import LimitExceededError
from app.ingest.nesting import refuse_deep_groups, refuse_deep_markup
from app.ingest.parsing import parse
from app.ingest.xml import parse_xml, refuse_deep_xml


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 10_000,
        "<DIV class='a'>" * 10_000 + "</div>" * 10_000,
        "</div>" * 20_000 + "<div>" * 10_000,
        "<ul><li>" * 10_000,
    ],
)
def test_deep_markup_is_refused(markup: str) -> None:
    """Neither end tags behind the depth nor some before it hide it."""
    with pytest.raises(LimitExceededError, match="more than 500 deep"):
        refuse_deep_markup(markup, 500)


@pytest.mark.parametrize(
    "markup", ["<div></div>" * 10_000, "<p>a<li>b<br><img/>" * 10_000, "a < b and b </ c " * 10_000]
)
def test_long_markup_is_not_deep(markup: str) -> None:
    """Many elements beside one another are none in one another; some never need an end tag."""
    refuse_deep_markup(markup, 500)


def test_deep_groups_are_refused_and_braces_of_a_text_are_none() -> None:
    """What a backslash makes a character opens nothing."""
    refuse_deep_groups(rb"{\rtf1 " + rb"\{ \\\{" * 1000 + b"{a}" * 1000 + b"}", 500)
    with pytest.raises(LimitExceededError, match="more than 500 deep"):
        refuse_deep_groups(rb"{\rtf1 " + b"{ " * 501, 500)


def test_deep_xml_is_refused() -> None:
    """A tree is not built deeper than the limit; what is no XML is nobody's tree."""
    refuse_deep_xml(b"<a>" * 500 + b"</a>" * 500)
    refuse_deep_xml(b"\x89PNG")
    for read in (refuse_deep_xml, parse_xml):
        with pytest.raises(LimitExceededError, match="more than 500 deep"):
            read(b"<a>" * 501)


def test_rows_of_rtf_tables_are_lines() -> None:
    """Cells stand in one line, whether the file breaks the line behind each or not."""
    rows = rb"\trowd a\cell b\cell \row \trowd {\pard c\par}\cell {\pard d\par}\cell \row"
    parsed = parse(rb"{\rtf1\ansi before\par " + rows + rb"\pard after | that\par}")

    assert parsed.text.split("\n")[:1] == ["before"]
    assert "a | b\nc | d" in parsed.text
    assert parsed.text.endswith("\n\nafter | that")
