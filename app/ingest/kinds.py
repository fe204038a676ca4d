"""The kinds of documents that are read."""

from enum import StrEnum


class Kind(StrEnum):
    """What a document is, told from its content."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    EPUB = "epub"
    ODT = "odt"
    RTF = "rtf"
    CSV = "csv"
    JSON = "json"
    JSON_LINES = "jsonl"
    EMAIL = "eml"
    SRT = "srt"
    VTT = "vtt"
    CODE = "code"
    ZIP = "zip"


TAKEN = (
    "taken are plain text, Markdown, HTML, PDF, DOCX, EPUB, ODT, RTF, CSV, JSON, JSON Lines, EML, "
    "SRT, VTT, source code, and ZIP archives of these"
)
"""Said by every refusal of a kind."""
