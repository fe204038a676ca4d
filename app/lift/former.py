"""The memory of an earlier text of a document, for a training on what has changed since.

Only what is new is learnt, with some of the rest where that is little, in smaller steps: larger
ones make the memory forget what it holds. What a text no longer says stays in its memory.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from app.lift.adapter import kept_change, read_adapter, read_metadata
from app.lift.base_model import BaseModel
from app.lift.changes import Span, length_of, new_spans, with_rehearsal
from app.lift.config import LEAST_LEARNING_RATE, MethodConfig
from app.lift.errors import AdapterError, FormerError
from app.lift.kinds import form_of
from app.lift.start import Start

_MOST_NEW = 0.5  # with more, a training anew costs little more and gives a better memory
_LEAST_CHARACTERS = 6_000  # two dozen steps of `balanced`: fewer would not carry one new sentence
_LEARNING_RATE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Former(Start):
    """The memory of an earlier text, and what that lacks."""

    new: tuple[Span, ...]
    """What is new in the changed text."""

    def to_study(self, text: str, method: MethodConfig) -> list[Span]:
        """Return the stretches of the changed text that are learnt; the same seed, the same."""
        return with_rehearsal(self.new, text, _LEAST_CHARACTERS, Random(method.seed))

    def settings(self, method: MethodConfig) -> MethodConfig:
        """Return the settings of a training that starts from this memory."""
        rate = max(method.learning_rate * _LEARNING_RATE_SHARE, LEAST_LEARNING_RATE)
        return replace(method, learning_rate=rate)


def load_former(
    path: Path, sha256: str, former_text: str, text: str, base: BaseModel, method: MethodConfig
) -> Former:
    """Read the adapter at `path`, trained on `former_text`, to start the training on `text` from.

    `sha256` is what the file's hash has to be.

    Raises:
        FormerError: the file is damaged, of another base model or form, or too much of the text is
            new; says which.
        MemoryFormError: the settings ask for a memory that `base` cannot carry.
    """
    try:
        metadata = read_metadata(path)
        for name, wanted in form_of(base, method).items():
            if metadata.get(name) != wanted:
                raise FormerError(f"its memory has {name} {metadata.get(name)!r}, not {wanted!r}")
        memory = read_adapter(path, base, sha256)
        memory.draw_back(1 / kept_change(metadata))  # what it had learnt, in full
    except AdapterError as error:
        raise FormerError(f"its memory cannot be used: {error}") from error
    new = new_spans(former_text, text)
    if (share := length_of(new) / max(1, len(text))) > _MOST_NEW:
        raise FormerError(f"{share:.0%} of the text is new, or stands between what is")
    return Former(memory, sha256, tuple(new))
