"""HTML to text: paragraphs, headings, lists, tables by rows; no scripts, no styles, no attributes.

Also what DOCX, EPUB and e-mails hold goes through here.
"""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.ingest.builder import TextBuilder
from app.ingest.errors import LimitExceededError
from app.ingest.html_state import HtmlState
from app.ingest.text import decode

_DECLARED = re.compile(
    rb"""(?:<meta[^>]{0,200}?charset|<\?xml[^>]{0,100}?encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""",
    re.IGNORECASE,
)
_DECLARED_WITHIN_BYTES = 4096
_SKIPPED = frozenset(
    "annotation annotation-xml audio canvas embed head iframe noscript object rp rt script select"
    " style svg template textarea title video".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset"
    " figcaption figure footer form header hgroup hr html legend main nav ol p pre section summary"
    " table tbody tfoot thead ul".split()
)
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_LAYOUT = ", ".join(
    f"{cell} {block}"
    for cell in ("td", "th")
    for block in ("table", "h1", "h2", "h3", "h4", "ul", "ol", "form")
)
_PAGE_BREAKS = frozenset(["pagebreak", "doc-pagebreak"])


def decode_html(data: bytes) -> tuple[str, str]:
    """Return the markup and its encoding: by its mark, by what it declares, or detected."""
    declared = _DECLARED.search(data[:_DECLARED_WITHIN_BYTES])
    return decode(data, declared.group(1).decode("ascii") if declared else None)


def write_html(builder: TextBuilder, markup: str) -> None:
    """Add what a page shows.

    Raises:
        LimitExceededError: its elements are nested too deeply, or it is too long.
    """
    state, depth = HtmlState(builder), 0
    node = LexborHTMLParser(markup).root
    while node is not None:
        child = _enter(state, node)
        if child is not None:
            node, depth = child, depth + 1
            _check_depth(builder, depth)
            continue
        while node is not None and depth and node.next is None:
            _leave(state, node)
            node, depth = node.parent, depth - 1
        if node is None or not depth:
            break
        _leave(state, node)
        node = node.next
    state.flush()


def _check_depth(builder: TextBuilder, depth: int) -> None:
    most = builder.limits.element_nesting
    if depth > most:
        raise LimitExceededError(
            f"the document's elements are nested more than {most} deep, which is the limit"
        )


def _enter(state: HtmlState, node: LexborNode) -> LexborNode | None:
    """Begin an element; returns its first child, None if there is nothing to show in it."""
    tag = node.tag
    if tag == "-text":
        state.add_text(node.text_content or "")
        return None
    if tag is None or tag.startswith(("-", "!")) or tag in _SKIPPED:
        return None
    attributes = node.attributes
    if "hidden" in attributes:
        return None
    _note_page_break(state, attributes)
    if tag == "br":
        state.add_line_break()
    elif tag in _HEADINGS:
        state.begin_heading(int(tag[1]))
    elif tag == "table":
        state.begin_table(is_layout=node.css_first(_LAYOUT) is not None)
    elif tag in ("ul", "ol"):
        state.begin_list(is_numbered=tag == "ol")
    elif tag == "li":
        state.begin_item()
    elif tag == "tr":
        state.begin_row()
    elif tag in ("td", "th"):
        state.begin_cell()
    elif tag == "pre":
        state.begin_verbatim()
    elif tag in _BLOCKS:
        state.break_block()
    return node.child


def _leave(state: HtmlState, node: LexborNode) -> None:
    tag = node.tag
    if tag is None or "hidden" in (node.attributes or {}):
        return
    if tag in _HEADINGS:
        state.end_heading()
    elif tag == "table":
        state.end_table()
    elif tag in ("ul", "ol"):
        state.end_list()
    elif tag == "tr":
        state.end_row()
    elif tag in ("td", "th"):
        state.end_cell()
    elif tag == "pre":
        state.end_verbatim()
    elif tag in _BLOCKS or tag == "li":
        state.break_block()


def _note_page_break(state: HtmlState, attributes: dict[str, str | None]) -> None:
    names = {attributes.get("epub:type"), attributes.get("role")}
    if names & _PAGE_BREAKS:
        state.note_page(attributes.get("aria-label") or attributes.get("title") or "")
