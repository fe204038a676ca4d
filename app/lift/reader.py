"""A reader: one memory trained on many other documents, which documents' memories start from.

This is the pre-LIFT fine-tuning of arXiv 2412.13626 with a frozen base model: what is shared by all
documents is learnt once, in a file of the adapter's format. `pretuning.py` makes one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.lift.adapter import read_adapter, read_metadata
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import AdapterError, ReaderError
from app.lift.files import file_sha256
from app.lift.kinds import form_of
from app.lift.start import Start


@dataclass(frozen=True, slots=True)
class Reader(Start):
    """A reader that fits a base model and a document's settings."""


def load_reader(path: Path, base: BaseModel, method: MethodConfig) -> Reader:
    """Read the reader at `path` for documents with the settings `method`.

    Raises:
        ReaderError: the file is missing, damaged, no reader, of another base model, or of another
            kind or shape than the settings ask for; says what to do.
        MemoryFormError: the settings ask for a memory that `base` cannot carry.
    """
    try:
        metadata = read_metadata(path)
        _check(path, metadata, base, method)
        sha256 = file_sha256(path)
        return Reader(read_adapter(path, base, sha256), sha256)
    except (OSError, AdapterError) as error:
        raise ReaderError(f"the reader {path} cannot be used: {error}") from error


def _check(path: Path, metadata: Mapping[str, str], base: BaseModel, method: MethodConfig) -> None:
    if "num_documents" not in metadata:
        raise ReaderError(f"{path} is no reader: `lift pretune` makes them")
    if metadata.get("base_fingerprint") != base.fingerprint:
        raise ReaderError(
            f"the reader {path} was trained on the base model {metadata.get('base_model')!r}, "
            f"whose weights are not those of {base.name!r}: make one for it with `lift pretune`"
        )
    for name, wanted in form_of(base, method).items():
        if metadata.get(name) != wanted:
            raise ReaderError(
                f"the reader {path} has {name} {metadata.get(name)!r} and these settings ask for "
                f"{wanted!r}: choose the reader's, or make a reader with `lift pretune` and these"
            )
