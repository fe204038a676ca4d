"""RTF: its paragraphs; it names no headings."""

from striprtf.striprtf import rtf_to_text

from app.ingest.builder import TextBuilder


def write_rtf(builder: TextBuilder, data: bytes) -> None:
    """Add a document's paragraphs."""
    for line in rtf_to_text(data.decode("cp1252", "replace"), errors="replace").split("\n"):
        builder.add(line)
