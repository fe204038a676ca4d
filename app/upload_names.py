"""What an upload is called: the name of its file, and the title that is shown. Knows no content."""

import re

LONGEST_FILENAME = 255
LONGEST_TITLE = 80
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}$")


def clean_filename(sent: str | None) -> str | None:
    """Return the last part of a name with what can be seen of it, as long as a row holds.

    The ending outlives the cut. None if nothing is left, or only a way through folders.
    """
    last = re.split(r"[/\\]", sent or "")[-1]
    name = _visible(last).strip()
    if name in {"", ".", ".."}:
        return None
    suffix = suffix_of(name)
    stem = name.removesuffix(suffix)[: LONGEST_FILENAME - len(suffix)]
    return stem + suffix


def suffix_of(filename: str | None) -> str:
    """Return the ending that hints at a file's kind, with its dot; empty without one."""
    found = _SUFFIX.search(filename or "")
    return found[0] if found else ""


def title_of(filename: str | None, text: str) -> str:
    """Name an upload that has no title: by its file, or by how its text begins."""
    line = filename or text.strip().partition("\n")[0]
    return _visible(line)[:LONGEST_TITLE].strip() or "Untitled"


def _visible(text: str) -> str:
    """Leave out what writes nothing: controls, marks that turn the direction of writing, halves."""
    return "".join(character for character in text if character.isprintable())
