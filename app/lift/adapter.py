"""A document's memory as a file: safetensors with metadata, checked when it is read.

Knows files and metadata; does not know where files are kept. Nothing in an adapter is executed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import AdapterError, MemoryFormError
from app.lift.files import file_sha256, sync
from app.lift.kinds import DocumentMemory, empty_memory, form_of, num_trained_parameters
from app.lift.observer import QAPair

FORMAT_VERSION = "1"
_FILE_DTYPE = torch.bfloat16


@dataclass(frozen=True, slots=True)
class Lifted:
    """A trained memory and what is known of its training."""

    memory: DocumentMemory
    base: BaseModel
    method: MethodConfig
    num_tokens: int
    """Tokens of the document."""
    num_qa_pairs: int
    tokens_processed: int
    """Tokens that went through the model in training, supervised or not."""
    losses: tuple[float, ...]
    """Mean loss of each optimiser step, in nats."""
    held_back: tuple[QAPair, ...] = ()
    """Pairs that were written and not trained on."""
    reader_sha256: str | None = None
    """The reader that training started from; None started from nothing."""
    former_sha256: str | None = None
    """The adapter of an earlier text that training started from, on what has changed since."""


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """A written adapter file."""

    sha256: str
    size_bytes: int
    metadata: dict[str, str]


def write_adapter(
    path: Path,
    lifted: Lifted,
    *,
    document_sha256: str,
    preset: str,
    created_at: str,
    quality: Mapping[str, Any] | None = None,
) -> AdapterInfo:
    """Write the memory to `path` in bfloat16 and flush it to the disk.

    The caller gives a temporary name and publishes the file once it is whole. `quality` is what
    was measured of the memory, None if nobody did.
    """
    metadata = {
        "preset": preset,
        "document_sha256": document_sha256,
        "created_at": created_at,
        "quality": json.dumps(quality),
        "reader_sha256": lifted.reader_sha256 or "",
        "former_sha256": lifted.former_sha256 or "",
    }
    return _save(path, lifted, metadata)


def write_reader(
    path: Path, lifted: Lifted, *, num_documents: int, preset: str, created_at: str
) -> AdapterInfo:
    """Write a memory of many documents to `path`, like an adapter; see `reader.py`."""
    metadata = {
        "preset": preset,
        "num_documents": str(num_documents),
        "created_at": created_at,
    }
    return _save(path, lifted, metadata)


def _save(path: Path, lifted: Lifted, known: dict[str, str]) -> AdapterInfo:
    metadata = _training_metadata(lifted) | known
    state = lifted.memory.state_dict()
    tensors = {name: tensor.to(_FILE_DTYPE).cpu().contiguous() for name, tensor in state.items()}
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:  # most often, the disk is full
        raise OSError(f"the adapter {path.name} cannot be written: {error}") from error
    sync(path)
    return AdapterInfo(file_sha256(path), path.stat().st_size, metadata)


def _training_metadata(lifted: Lifted) -> dict[str, str]:
    return form_of(lifted.base, lifted.method) | {
        "format_version": FORMAT_VERSION,
        "num_trained_parameters": str(num_trained_parameters(lifted.base, lifted.method)),
        "base_model": lifted.base.name,
        "base_fingerprint": lifted.base.fingerprint,
        "tokenizer_hash": lifted.base.tokenizer_hash,
        "base_dtype": str(lifted.base.dtype).removeprefix("torch."),
        "base_quantization": lifted.base.quantization,
        "method": json.dumps(asdict(lifted.method)),
        "num_tokens": str(lifted.num_tokens),
        "num_qa_pairs": str(lifted.num_qa_pairs),
        "tokens_processed": str(lifted.tokens_processed),
        "losses": json.dumps([round(loss, 4) for loss in lifted.losses]),
        "seed": str(lifted.method.seed),
    }


def read_adapter(
    path: Path, base: BaseModel, sha256: str | None = None, device: torch.device | None = None
) -> DocumentMemory:
    """Read the memory at `path` for `base`, in its dtype and on its device unless another is named.

    Raises:
        AdapterError: the file is missing, damaged (its hash is not `sha256`), of another format,
            or was trained on another base model.
    """
    if not path.is_file():
        raise AdapterError(f"the adapter {path.name} is missing from the store")
    if sha256 is not None and file_sha256(path) != sha256:
        raise AdapterError(f"the adapter {path.name} is damaged: its content is not what was saved")
    metadata, tensors = _contents(path)
    _check_metadata(path, metadata, base)
    try:
        memory = empty_memory(base, metadata)
    except MemoryFormError as error:
        raise AdapterError(f"the adapter {path.name} cannot be used: {error}") from error
    _check_tensors(path, tensors, memory.state_dict())
    place = device or base.device
    in_place = {name: tensor.to(place, base.dtype) for name, tensor in tensors.items()}
    memory.load_state_dict(in_place, assign=True)
    return memory.eval().requires_grad_(False)


def most_memory_bytes(file_bytes: int, base: BaseModel) -> int:
    """Return what the memory in a file takes at most once it is read for `base`."""
    return file_bytes * base.dtype.itemsize // _FILE_DTYPE.itemsize


def read_metadata(path: Path) -> Mapping[str, str]:
    """Return what the file says of itself; raises `AdapterError` if it is no safetensors file."""
    return _contents(path)[0]


def kept_change(metadata: Mapping[str, str]) -> float:
    """Return what `MethodConfig.kept_change` was for the memory of a file; 1 if it does not tell.

    Raises:
        AdapterError: what it tells is no share.
    """
    try:
        share = float(json.loads(metadata.get("method", "{}")).get("kept_change", 1.0))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise AdapterError(f"its settings cannot be read ({error!r})") from error
    if not 0.0 < share <= 1.0:
        raise AdapterError(f"it tells a kept_change of {share}, which is no share")
    return share


def _contents(path: Path) -> tuple[Mapping[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise AdapterError(f"the adapter {path.name} is no whole safetensors file") from error


def _check_metadata(path: Path, metadata: Mapping[str, str], base: BaseModel) -> None:
    if (version := metadata.get("format_version")) != FORMAT_VERSION:
        raise AdapterError(
            f"the adapter {path.name} has format_version {version!r}, "
            f"this server reads {FORMAT_VERSION!r}"
        )
    scheme = metadata.get("base_quantization", base.quantization)
    if scheme != base.quantization:
        raise AdapterError(
            f"the adapter {path.name} was trained with LIFT_QUANTIZATION={scheme}, and this server "
            f"runs with {base.quantization}: set it back, or upload the document again"
        )
    ours = {"base_fingerprint": base.fingerprint, "tokenizer_hash": base.tokenizer_hash}
    if any(metadata.get(key) != value for key, value in ours.items()):
        raise AdapterError(
            f"the adapter {path.name} was trained on the base model "
            f"{metadata.get('base_model')!r}, whose weights or tokenizer are not those of "
            f"{base.name!r}: serve that model, or upload the document again"
        )


def _check_tensors(
    path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    if difference := _shapes(tensors) ^ _shapes(expected):
        odd = min(difference)[0]
        raise AdapterError(f"the adapter {path.name} does not fit the base model at {odd}")


def _shapes(tensors: Mapping[str, Tensor]) -> set[tuple[str, tuple[int, ...]]]:
    return {(name, tuple(tensor.shape)) for name, tensor in tensors.items()}
