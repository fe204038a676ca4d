"""SRT and VTT: what is said, with its speakers where they are named; times are dropped."""

from io import BytesIO

import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from app.ingest.builder import TextBuilder
from app.ingest.errors import DamagedDocumentError


def write_captions(builder: TextBuilder, text: str, format_name: str) -> None:
    """Add the cues, line by line; `format_name` is `srt` or `vtt`.

    Raises:
        DamagedDocumentError: there is no cue in it.
    """
    try:
        cues = webvtt.from_buffer(BytesIO(text.encode()), format=format_name)
    except (MalformedFileError, MalformedCaptionError) as error:
        raise DamagedDocumentError(
            f"the {format_name.upper()} file has no well-formed cues; save it anew"
        ) from error
    before, speaker = "", None
    for cue in cues.captions:
        for line in cue.text.splitlines():
            if line == before:  # rolling captions show a line again while the next one appears
                continue
            named = f"{cue.voice}: " if cue.voice and cue.voice != speaker else ""
            before, speaker = line, cue.voice
            builder.add(named + line, "\n")
