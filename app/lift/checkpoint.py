"""An unfinished training as a file: safetensors with metadata, checked when it is read.

It holds all that a step changes, exactly, so that training goes on behind it as if it had never
stopped. Knows what training a checkpoint is of; does not know when one is taken or where it is
kept. Nothing in a checkpoint is executed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import AdamW

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import CheckpointError
from app.lift.examples import TrainingData
from app.lift.files import appearing_whole
from app.lift.kinds import DocumentMemory, form_of
from app.lift.observer import StepMetrics

FORMAT_VERSION = "2"
"""Another one for each change of the file, and of what the steps of a training show or compute."""
_OPTIMIZER_KEYS = ("exp_avg", "exp_avg_sq", "step")
_ANEW = "train anew without it"

Contents = tuple[dict[str, str], dict[str, Tensor]]
"""Metadata and tensors."""


@dataclass(frozen=True, slots=True)
class TrainingState:
    """All that an optimiser step changes."""

    memory: DocumentMemory
    optimizer: AdamW
    """Of the memory's parameters, in their order."""
    identity: Mapping[str, str]
    """What training this is; see `identity_of`."""
    history: list[StepMetrics] = field(default_factory=list)
    """The steps that were taken."""

    def write(self, path: Path) -> None:
        """Write a checkpoint to `path`, whole and on the disk, or leave what was there.

        Raises:
            OSError: it cannot be written.
        """
        tensors = self._tensors()
        metadata = {
            "checkpoint_version": FORMAT_VERSION,
            "step": str(len(self.history)),
            "history": json.dumps([asdict(metrics) for metrics in self.history]),
            "identity": json.dumps(dict(self.identity)),
        }
        with appearing_whole(path) as unfinished:
            try:
                save_file(tensors, unfinished, {**metadata, "sha256": _digest(metadata, tensors)})
            except SafetensorError as error:
                raise OSError(f"the checkpoint {path.name} cannot be written: {error}") from error

    def restore(self, path: Path) -> None:
        """Take the state of the checkpoint at `path`; in a state without steps.

        Raises:
            CheckpointError: the file is missing, damaged, of another format or of another training;
                nothing has changed then.
        """
        metadata, tensors = _contents(path)
        _check_whole(path, metadata, tensors)
        _check_identity(path, json.loads(metadata["identity"]), self.identity)
        self._check_shapes(path, tensors)
        memory = self.memory.state_dict()
        self.memory.load_state_dict({name: tensors[f"memory/{name}"] for name in memory})
        self.optimizer.load_state_dict(
            self.optimizer.state_dict() | {"state": self._moments(tensors)}
        )
        self.history.extend(StepMetrics(**each) for each in json.loads(metadata["history"]))

    def _tensors(self) -> dict[str, Tensor]:
        """Return the memory's tensors and what the optimiser knows of each parameter."""
        tensors = {f"memory/{name}": each for name, each in self.memory.state_dict().items()}
        states: Mapping[int, Mapping[str, Tensor]] = self.optimizer.state_dict()["state"]
        for index, name in enumerate(self._parameters()):
            tensors |= {f"{key}/{name}": each for key, each in states.get(index, {}).items()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    def _moments(self, tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
        """Return the optimiser's state as it numbers parameters; none for one that never moved."""
        return {
            index: {key: tensors[f"{key}/{name}"] for key in _OPTIMIZER_KEYS}
            for index, name in enumerate(self._parameters())
            if f"step/{name}" in tensors
        }

    def _check_shapes(self, path: Path, tensors: Mapping[str, Tensor]) -> None:
        expected = _shapes({f"memory/{name}": t for name, t in self.memory.state_dict().items()})
        for name, parameter in self._parameters().items():
            if any(f"{key}/{name}" in tensors for key in _OPTIMIZER_KEYS):
                moments = {"exp_avg": parameter, "exp_avg_sq": parameter, "step": torch.zeros(())}
                expected |= _shapes({f"{key}/{name}": each for key, each in moments.items()})
        if difference := _shapes(tensors) ^ expected:
            odd = min(difference)[0]
            raise CheckpointError(
                f"the checkpoint {path.name} does not fit this training at {odd}: {_ANEW}"
            )

    def _parameters(self) -> dict[str, Tensor]:
        return dict(self.memory.named_parameters())


def identity_of(
    base: BaseModel,
    method: MethodConfig,
    studied: Sequence[TrainingData],
    start_sha256: str | None = None,
) -> dict[str, str]:
    """Return what a training is decided by: trainings of one identity take the same steps.

    `start_sha256` is that of the file whose memory it starts from, if it starts from one.
    """
    pairs = [[asdict(pair) for pair in data.pairs] for data in studied]
    return form_of(base, method) | {
        "base_fingerprint": base.fingerprint,
        "base_dtype": str(base.dtype).removeprefix("torch."),
        "tokenizer_hash": base.tokenizer_hash,
        "method": json.dumps(asdict(method)),
        "text_sha256": _sha256([data.text for data in studied]),
        "pairs_sha256": _sha256(pairs),
        "stretches_sha256": _sha256([list(map(list, data.stretches)) for data in studied]),
        "start_sha256": start_sha256 or "",
    }


def _contents(path: Path) -> Contents:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            # Cloned, for they lie in the file, which may go while training goes on.
            return file.metadata() or {}, {name: file.get_tensor(name).clone() for name in names}
    except FileNotFoundError as error:
        raise CheckpointError(f"the checkpoint {path.name} is missing: {_ANEW}") from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"the checkpoint {path.name} cannot be read ({error}): {_ANEW}"
        ) from error


def _check_whole(path: Path, metadata: dict[str, str], tensors: Mapping[str, Tensor]) -> None:
    if (version := metadata.get("checkpoint_version")) != FORMAT_VERSION:
        raise CheckpointError(
            f"the checkpoint {path.name} has checkpoint_version {version!r}, this server reads "
            f"{FORMAT_VERSION!r}: {_ANEW}"
        )
    known = {key: value for key, value in metadata.items() if key != "sha256"}
    if metadata.get("sha256") != _digest(known, tensors):
        raise CheckpointError(
            f"the checkpoint {path.name} is damaged: its content is not what was saved; {_ANEW}"
        )


def _check_identity(path: Path, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    different = sorted(key for key in found.keys() | wanted if found.get(key) != wanted.get(key))
    if different:
        raise CheckpointError(
            f"the checkpoint {path.name} is of another training, with another "
            f"{', '.join(different)}: {_ANEW}"
        )


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _shapes(tensors: Mapping[str, Tensor]) -> set[tuple[str, str, tuple[int, ...]]]:
    return {(name, str(each.dtype), tuple(each.shape)) for name, each in tensors.items()}


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
