"""HTML to text: paragraphs, headings, lists, tables by rows; no scripts, no styles, no attributes.

Also what DOCX, EPUB and e-mails hold goes through here.
"""

import re
from collections.abc import Callable
from functools import partial

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.ingest.builder import TextBuilder
from app.ingest.html_state import HtmlState
from app.ingest.nesting import refuse_deep_markup, too_deep
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
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LAYOUT = ", ".join(
    f"{cell} {block}"
    for cell in ("td", "th")
    for block in ("table", "h1", "h2", "h3", "h4", "ul", "ol", "form")
)
_BEGINNINGS: dict[str, Callable[[HtmlState], None]] = {
    **dict.fromkeys(_BLOCKS, HtmlState.break_block),
    **{tag: partial(HtmlState.begin_heading, level=level) for tag, level in _HEADINGS.items()},
    "br": HtmlState.add_line_break,
    "li": HtmlState.begin_item,
    "ol": partial(HtmlState.begin_list, is_numbered=True),
    "pre": HtmlState.begin_verbatim,
    "td": HtmlState.begin_cell,
    "th": HtmlState.begin_cell,
    "tr": HtmlState.begin_row,
    "ul": partial(HtmlState.begin_list, is_numbered=False),
}
_ENDINGS: dict[str, Callable[[HtmlState], None]] = {
    **dict.fromkeys(_BLOCKS, HtmlState.break_block),
    **dict.fromkeys(_HEADINGS, HtmlState.end_heading),
    "li": HtmlState.break_block,
    "ol": HtmlState.end_list,
    "pre": HtmlState.end_verbatim,
    "table": HtmlState.end_table,
    "td": HtmlState.end_cell,
    "th": HtmlState.end_cell,
    "tr": HtmlState.end_row,
    "ul": HtmlState.end_list,
}
_BACK_LINK = "doc-backlink"
"""From a note to where it was called."""
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
    refuse_deep_markup(markup, builder.limits.element_nesting)
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
        raise too_deep(most)


def _enter(state: HtmlState, node: LexborNode) -> LexborNode | None:
    """Begin an element; returns its first child, None if there is nothing to show in it."""
    tag = node.tag
    if tag == "-text":
        state.add_text(node.text_content or "")
        return None
    if tag is None or tag.startswith(("-", "!")) or tag in _SKIPPED:
        return None
    attributes = node.attributes
    if "hidden" in attributes or attributes.get("role") == _BACK_LINK:
        return None
    _note_page_break(state, attributes)
    if tag == "table":
        state.begin_table(is_layout=node.css_first(_LAYOUT) is not None)
    elif begin := _BEGINNINGS.get(tag):
        begin(state)
    return node.child


def _leave(state: HtmlState, node: LexborNode) -> None:
    end = _ENDINGS.get(node.tag or "")
    if end is not None and "hidden" not in node.attributes:
        end(state)


def _note_page_break(state: HtmlState, attributes: dict[str, str | None]) -> None:
    names = {attributes.get("epub:type"), attributes.get("role")}
    if names & _PAGE_BREAKS:
        state.note_page(attributes.get("aria-label") or attributes.get("title") or "")
