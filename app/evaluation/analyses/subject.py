"""What an analysis looks at: one memory on its base model, beside its document and questions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.evaluation.analyses.errors import AnalysisError
from app.lift.adapter import read_adapter, read_metadata
from app.lift.base_model import BaseModel, Pluggable, load_base_model
from app.lift.config import MethodConfig
from app.lift.presets import InvalidOptionError, resolve_method


class Asked(NamedTuple):
    """A question and its gold answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One memory with all that it is asked over."""

    base: BaseModel
    memory: Pluggable
    method: MethodConfig
    """The settings that the memory was trained with; they decide the truncated context, too."""
    text: str
    """The document's."""
    tokens: tuple[int, ...]
    """The document's, too."""
    tokens_processed: int
    """Tokens that went through the model in training."""


class BaseSource(NamedTuple):
    """Where the base model comes from; see `load_base_model`."""

    model: str
    cache_dir: Path
    device: str


def load_subject(adapter: Path, text: str, source: BaseSource) -> Subject:
    """Read an adapter and load its base model, in the number format that it was trained in.

    Raises:
        AdapterError: the file is damaged, or belongs to another base model.
        BaseModelError: the base model cannot be had.
        AnalysisError: the file does not say how it was trained, or the document is empty.
    """
    metadata = read_metadata(adapter)
    method = _method(adapter, metadata)
    if not text.strip():
        raise AnalysisError("the document is empty: give the text that the adapter was trained on")
    dtype, quantization = metadata.get("base_dtype", "auto"), metadata.get("base_quantization")
    base = load_base_model(*source, dtype, quantization or "none")
    return Subject(
        base=base,
        memory=read_adapter(adapter, base),
        method=method,
        text=text,
        tokens=tuple(base.tokenize(text)),
        tokens_processed=_tokens_processed(metadata),
    )


def _method(adapter: Path, metadata: Mapping[str, str]) -> MethodConfig:
    """Read the settings; one that the file does not name yet has the paper's value."""
    try:
        written = {**json.loads(metadata["method"])}
        written.pop("least_overlap", None)  # of a rule for asking that is no more
        return resolve_method("paper", written)
    except (KeyError, ValueError, TypeError, InvalidOptionError) as error:
        raise AnalysisError(
            f"the adapter {adapter.name} does not say how it was trained ({error!r}): "
            "give an adapter that this version of LIFT Server wrote"
        ) from error


def _tokens_processed(metadata: Mapping[str, str]) -> int:
    written = metadata.get("tokens_processed", "")
    return int(written) if written.isdecimal() else 0
