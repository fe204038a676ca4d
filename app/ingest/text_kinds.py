"""Which kind of text a text is: by its structure; a file's name breaks ties."""

import re

from app.ingest.data import read_json, read_json_lines
from app.ingest.kinds import Kind
from app.ingest.tables import is_table

_OPENING_CHARACTERS = 64 * 1024
_KIND_BY_SUFFIX = {
    "md": Kind.MARKDOWN,
    "markdown": Kind.MARKDOWN,
    "csv": Kind.CSV,
    "tsv": Kind.CSV,
}
_MARKUP_SUFFIXES = frozenset(["htm", "html", "xhtml"])
_CODE_SUFFIXES = frozenset(
    "asm bash bat c cc clj cpp cs css cxx dart diff elm erl ex f90 fs go gradle groovy h hpp hs ini"
    " java jl js jsx kt kts lisp lua m mjs ml mk nim patch php pl proto ps1 py r rb rs scala scss"
    " sh sql swift tcl tex toml ts tsx vb vim vue xml xsd xsl yaml yml zig".split()
)
_PROLOGUE = re.compile(r"\s*(?:<\?xml[^>]{0,200}\?>|<!--.{0,4000}?-->)", re.DOTALL)
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_FRAGMENT = re.compile(
    r"\s*<(?:article|div|h[1-6]|main|meta|ol|p|section|table|title|ul)[\s>]", re.IGNORECASE
)
_TAG = re.compile(r"</?[a-z][a-z0-9]*[\s>/]", re.IGNORECASE)
_VTT = re.compile(r"WEBVTT(?:[ \t\n]|\Z)")
_SRT = re.compile(r"\s*\d+ *\n\d+:\d\d:\d\d[,.]\d{3} +--> +\d+:\d\d:\d\d[,.]\d{3}")
_FIELD = re.compile(r"([!-9;-~]+):|[ \t]")
_MAIL_FIELDS = frozenset(
    "bcc cc content-type date delivered-to from message-id mime-version received reply-to"
    " return-path subject to".split()
)
_SENDER_FIELDS = frozenset(["from", "message-id", "received", "return-path"])
_FEWEST_FIELDS = 3
_ATX_HEADING = re.compile(r"(?:\A|\n\n)#{1,6} \S[^\n]*(?:\n\n|\n?\Z)")


def kind_of_text(text: str, name: str) -> Kind:
    """Return the kind of a text; `name` is its file's, or empty.

    Raises:
        RecursionError: it is JSON, nested too deeply.
    """
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    opening = text[:_OPENING_CHARACTERS]
    if _VTT.match(opening):
        return Kind.VTT
    if _SRT.match(opening):
        return Kind.SRT
    if _is_mail(opening):
        return Kind.EMAIL
    if _is_html(text, opening, suffix):
        return Kind.HTML
    return _kind_of_data(text, opening) or _kind_by_name(text, opening, suffix)


def _is_html(text: str, opening: str, suffix: str) -> bool:
    place = 0
    while found := _PROLOGUE.match(opening, place):
        place = found.end()
    if _PAGE.match(opening, place):
        return True
    if suffix in _MARKUP_SUFFIXES:
        return _TAG.search(opening) is not None
    is_other = suffix in _KIND_BY_SUFFIX or suffix in _CODE_SUFFIXES
    return not is_other and bool(_FRAGMENT.match(opening)) and text.rstrip().endswith(">")


def _is_mail(opening: str) -> bool:
    """Tell a message: fields up to the first empty line, some that only messages have."""
    fields = set()
    for line in opening.partition("\n\n")[0].split("\n"):
        found = _FIELD.match(line)
        if found is None:
            return False
        fields.add((found.group(1) or "").lower())
    return len(fields & _MAIL_FIELDS) >= _FEWEST_FIELDS and bool(fields & _SENDER_FIELDS)


def _kind_of_data(text: str, opening: str) -> Kind | None:
    if opening.lstrip()[:1] not in ("{", "["):
        return None
    for kind, read in ((Kind.JSON, read_json), (Kind.JSON_LINES, read_json_lines)):
        try:
            read(text)
        except ValueError:
            continue
        return kind
    return None


def _kind_by_name(text: str, opening: str, suffix: str) -> Kind:
    if suffix in _KIND_BY_SUFFIX:
        return _KIND_BY_SUFFIX[suffix]
    if suffix in _CODE_SUFFIXES:
        return Kind.CODE
    if is_table(opening):
        return Kind.CSV
    return Kind.MARKDOWN if _ATX_HEADING.search(text) else Kind.TEXT
