"""The checkpoint file: everything in it comes back, and it is whole or absent."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.kinds import new_memory
from tests.lift.checkpoint.conftest import exact, step, untrained


@pytest.mark.parametrize("kind", ["gated-memory", "lora", "pissa"])
def test_state_comes_back_exactly(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str], kind: str
) -> None:
    """Weights, the optimiser's moments and step counts, the history; then the same next step."""
    method = replace(method, memory_kind=kind)
    state = untrained(llama, method, identity)
    step(state)
    state.write(tmp_path / "1")
    again = untrained(llama, replace(method, seed=9), identity)
    again.restore(tmp_path / "1")

    assert exact(again) == exact(state)
    step(state)
    step(again)
    assert exact(again) == exact(state)


def test_parameter_that_never_moved_has_no_moments(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """What no gradient has reached yet starts later than the others, as it would have."""
    state, again = (untrained(llama, method, identity) for _ in range(2))
    step(state, without=1)
    state.write(tmp_path / "1")
    again.restore(tmp_path / "1")
    step(state)
    step(again)

    assert exact(again) == exact(state)
    assert {float(each["step"]) for each in state.optimizer.state.values()} == {1.0, 2.0}


def test_restored_state_does_not_lie_in_the_file(
    written: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """The file may be overwritten while training goes on."""
    state = untrained(llama, method, identity)
    state.restore(written)
    before = exact(state)
    written.write_bytes(bytes(written.stat().st_size))

    assert exact(state) == before


def test_file_holds_these_tensors_and_nothing_else(
    written: Path, llama: BaseModel, method: MethodConfig
) -> None:
    """The memory's tensors, and three of each parameter's optimiser, in float32."""
    names = new_memory(llama, method).state_dict().keys()
    with safe_open(written, framework="pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()

    assert set(found) == {
        f"{part}/{name}" for part in ("memory", "exp_avg", "exp_avg_sq", "step") for name in names
    }
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    assert set(metadata) == {"checkpoint_version", "step", "history", "identity", "sha256"}
    assert metadata["step"] == "2"


@contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    """Let no file grow beyond; the system refuses the write in the middle, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_write_that_fails_midway_leaves_what_was_there(
    written: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str], share: float
) -> None:
    """The error is the system's; the checkpoint before is still whole, and nothing lies about."""
    size, state = written.stat().st_size, untrained(llama, method, identity)
    state.restore(written)
    step(state)
    with files_of_at_most(int(size * share)), pytest.raises(OSError, match="cannot be written"):
        state.write(written)
    again = untrained(llama, method, identity)
    again.restore(written)

    assert len(again.history) == 2
    assert os.listdir(written.parent) == [written.name]


def test_first_write_that_fails_leaves_nothing(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """There is no half checkpoint to be found later."""
    state = untrained(llama, method, identity)
    with files_of_at_most(5000), pytest.raises(OSError, match="cannot be written"):
        state.write(tmp_path / "1")

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_checkpoint_appears_once_it_is_on_the_disk(
    tmp_path: Path,
    llama: BaseModel,
    method: MethodConfig,
    identity: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    """A disk that fails at the flush, or a folder that takes no name, gets no checkpoint."""

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="Input/output"):
        untrained(llama, method, identity).write(tmp_path / "1")

    assert os.listdir(tmp_path) == []
