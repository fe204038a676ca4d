"""Kinds of documents are told by their content; plain text, HTML and JSON come through whole."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.errors import UnsupportedDocumentError
from app.ingest.kinds import Kind
from app.ingest.parsing import parse
from tests.ingest.made import make_docx, make_epub, make_odt, make_pdf, make_zip

HTML = (
    "<!doctype html><html><head><title>no</title><meta charset=utf-8></head><body><nav>Home</nav>"
    "<h1>The  <i>Harbour</i></h1><p>A café,<br>open.<ul><li>ropes<ul><li>thin</ul><li>sails</ul>"
    "<table><caption>Ships</caption><tr><th>ship<th>crew<tr><td><p>Alba</p><td>12</table>"
    "<pre>x\n  y</pre><script>no</script><p hidden>no</p><ol><li>one<li>two</ol>"
)
HTML_TEXT = (
    "Home\n\nThe Harbour\n\nA café,\nopen.\n- ropes\n  - thin\n- sails\n\nShips\n\nship | crew\n"
    "Alba | 12\n\nx\n  y\n1. one\n2. two"
)
RTF = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}A {\b caf\'e9}.\par Two \u8364?.\par}"
SRT = "1\n00:00:01,000 --> 00:00:02,000\nHello.\n\n2\n00:00:02,000 --> 00:00:03,000\nHello.\nBye.\n"
VTT = (
    "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Hello <i>you</i>.\n\n00:02.000 --> 00:03.000\nHm.\n"
)
words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
paragraphs = st.lists(st.lists(words, min_size=1, max_size=8).map(" ".join), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("data", "name", "kind", "text"),
    [
        (b"Just a line.\n", "", Kind.TEXT, "Just a line.\n"),
        (b"import os\n\n# not a title\n\nx = 1\n", "a.py", Kind.CODE, None),
        (b"a,b\n1,2\n", "", Kind.TEXT, "a,b\n1,2\n"),
        (b"name,age\nAnn,3\nBob,\n", "a.csv", Kind.CSV, "name: Ann; age: 3\nname: Bob"),
        (b"1;2;3\n" * 5, "", Kind.CSV, "1, 2, 3\n" * 4 + "1, 2, 3"),
        (b"a, b, and c\n" * 9, "", Kind.TEXT, None),
        (
            b'{"a":[1,2.50,{"b":"x"}],"a":null}',
            "",
            Kind.JSON,
            "a:\n  - 1\n  - 2.50\n  -\n    b: x\na: null",
        ),
        (b'{"a":1}\n{"a":true}\n', "", Kind.JSON_LINES, "a: 1\n\na: true"),
        (b"[a link](x) and more\n", "", Kind.TEXT, None),
        (SRT.encode(), "", Kind.SRT, "Hello.\nBye."),
        (VTT.encode(), "", Kind.VTT, "Ann: Hello you.\nHm."),
        (RTF, "", Kind.RTF, "A café.\n\nTwo €."),
        (HTML.encode(), "a.txt", Kind.HTML, HTML_TEXT),
        (b"<p>Hi <b>you</b></p>", "", Kind.HTML, "Hi you"),
        (b'<p align="center">\n\n# Tool\n\n</p>\n', "README.md", Kind.MARKDOWN, None),
        (b"<?xml version='1.0'?><a>x</a>", "", Kind.TEXT, None),
        (b"From: here\nto there\n\nx", "", Kind.TEXT, None),
    ],
)
def test_kind_is_told_by_content(data: bytes, name: str, kind: Kind, text: str | None) -> None:
    """What a file holds decides; a name only where a text could be several things."""
    parsed = parse(data, name)

    assert parsed.kind is kind
    assert parsed.text == (data.decode() if text is None else text)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: make_pdf([["x" * 20]]), Kind.PDF),
        (make_docx, Kind.DOCX),
        (lambda: make_odt("<text:p>x</text:p>"), Kind.ODT),
        (lambda: make_epub({"one": "<p>x</p>"}), Kind.EPUB),
    ],
)
def test_wrong_name_changes_nothing(make: Callable[[], bytes], kind: Kind) -> None:
    """A PDF that is called .csv is a PDF."""
    assert parse(make(), "a.csv").kind is kind


@given(paragraphs)
def test_plain_text_stays_as_it_is(texts: list[str]) -> None:
    """Paragraphs of a text file come through character by character."""
    text = "\n\n".join(texts)

    assert parse(text.encode()).text == text


@given(paragraphs)
def test_paragraphs_of_html_come_through(texts: list[str]) -> None:
    """Each paragraph of a page is one of the text."""
    markup = "<!doctype html>" + "".join(f"<p>{text}</p>" for text in texts)

    assert parse(markup.encode()).text.split("\n\n") == texts


@given(paragraphs)
def test_paragraphs_of_json_come_through(texts: list[str]) -> None:
    """The strings of a list are its lines."""
    assert parse(json.dumps(texts).encode()).text == "\n".join(f"- {text}" for text in texts)


@pytest.mark.parametrize("encoding", ["cp1252", "shift_jis", "utf-8"])
def test_html_declares_its_encoding(encoding: str) -> None:
    """A page is decoded as it says."""
    text = "吾輩は猫である" if encoding == "shift_jis" else "Größe"
    page = f'<!DOCTYPE html><meta charset="{encoding}"><p>{text}</p>'
    parsed = parse(page.encode(encoding))

    assert (parsed.text, parsed.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (make_zip({"xl/workbook.xml": "x"}), "Excel workbook; save its sheets as CSV"),
        (make_zip({"ppt/presentation.xml": "x"}), "PowerPoint"),
        (make_zip({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), "OpenDocument"),
        (make_zip({"a.png": b"\x89PNG\r\n\x1a\n"}), "holds no document"),
        (make_zip({}), "holds no document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old Microsoft Office"),
        (b"\x1f\x8b\x08\0", "pack it as ZIP"),
        (bytes(range(256)), "unknown kind"),
    ],
)
def test_unread_kind_lists_what_is_read(data: bytes, message: str) -> None:
    """The refusal says what the file is, and what would be taken."""
    with pytest.raises(UnsupportedDocumentError, match=f"{message}.*taken are plain text"):
        parse(data)
