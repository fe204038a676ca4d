"""The checkpoint file: everything in it, nothing damaged or foreign believed, whole or absent."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors import safe_open
from torch import nn
from torch.optim import AdamW

from app.lift.base_model import BaseModel, wrap_model
from app.lift.checkpoint import TrainingState, identity_of
from app.lift.config import MethodConfig
from app.lift.errors import CheckpointError
from app.lift.examples import TrainingData
from app.lift.kinds import new_memory
from app.lift.observer import QAPair, StepMetrics
from app.lift.pipeline import prepare
from tests.lift.conftest import TEXT, cached_base
from tests.tiny import tiny_model, tiny_tokenizer

PAIR = QAPair("Who lit the lamp?", "Mirel Tand", TEXT[:60], 0)


@pytest.fixture
def method(small: MethodConfig) -> MethodConfig:
    """Settings that every kind fits."""
    return replace(small, lora_rank=4)


@pytest.fixture
def data(llama: BaseModel, method: MethodConfig) -> TrainingData:
    """A document with one pair."""
    return prepare(TEXT, llama, method, [PAIR])


@pytest.fixture
def identity(llama: BaseModel, method: MethodConfig, data: TrainingData) -> dict[str, str]:
    """What the training is."""
    return identity_of(llama, method, [data])


def untrained(base: BaseModel, method: MethodConfig, identity: dict[str, str]) -> TrainingState:
    memory = new_memory(base, method)
    return TrainingState(memory, AdamW(memory.parameters(), lr=1e-2), identity)


def step(state: TrainingState, *, without: int | None = None) -> None:
    """Take a step with random gradients; one parameter may get none."""
    generator = torch.Generator().manual_seed(len(state.history))
    for index, weight in enumerate(state.memory.parameters()):
        drawn = torch.randn(weight.shape, generator=generator)
        weight.grad = None if index == without else drawn
    state.optimizer.step()
    number = len(state.history) + 1
    state.history.append(StepMetrics(number, 1 / 3, float("inf"), 1e-2, 100))


@pytest.fixture
def written(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> Path:
    """A checkpoint behind two steps."""
    state = untrained(llama, method, identity)
    step(state)
    step(state)
    state.write(tmp_path / "2.safetensors")
    return tmp_path / "2.safetensors"


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


def exact(state: TrainingState) -> tuple[object, ...]:
    moments = state.optimizer.state_dict()["state"]
    return (
        {name: tensor.tolist() for name, tensor in state.memory.state_dict().items()},
        {i: {key: value.tolist() for key, value in each.items()} for i, each in moments.items()},
        state.history,
    )


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


def refused(
    path: Path, base: BaseModel, method: MethodConfig, identity: dict[str, str], told: str
) -> None:
    """Restoring says why not, and leaves the state as it was."""
    state = untrained(base, method, identity)
    before = exact(state)
    with pytest.raises(CheckpointError, match=told):
        state.restore(path)

    assert exact(state) == before


@pytest.mark.parametrize("kept", [0, 7, 1000, -1])
def test_truncated_checkpoint_is_refused(
    written: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str], kept: int
) -> None:
    """A file cut short is named, with what to do."""
    written.write_bytes(written.read_bytes()[:kept])

    told = r"2\.safetensors cannot be read \(.*\): train anew without it"
    refused(written, llama, method, identity, told)


def test_missing_checkpoint_is_refused(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """A path to nothing, or to a folder."""
    refused(tmp_path / "gone", llama, method, identity, r"the checkpoint gone is missing")
    refused(tmp_path, llama, method, identity, r"cannot be read")


def test_flipped_bits_are_seen_anywhere(
    written: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """One bit, in the header's structure, in the metadata or in a tensor: never believed."""
    whole, random = written.read_bytes(), Random(0)
    start = 8 + int.from_bytes(whole[:8], "little")
    state = untrained(llama, method, identity)
    before = exact(state)
    header, tensors = range(start), range(start, len(whole))
    for place in [*random.sample(header, 200), *random.sample(tensors, 50)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << random.randrange(8)
        written.write_bytes(flipped)
        with pytest.raises(CheckpointError):
            state.restore(written)

    assert exact(state) == before


def test_file_of_another_sort_is_refused(
    written: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """A whole safetensors file that says nothing of being a checkpoint, or of another version."""
    whole = written.read_bytes()
    written.write_bytes(whole.replace(b'"checkpoint_version":"2"', b'"checkpoint_version":"1"'))

    refused(written, llama, method, identity, r"has checkpoint_version '1', this server reads '2'")


def test_checkpoint_of_another_base_model_is_refused(written: Path, method: MethodConfig) -> None:
    """Its weights would mean nothing there."""
    other = cached_base("qwen2")
    identity = identity_of(other, method, [prepare(TEXT, other, method, [PAIR])])

    refused(written, other, method, identity, r"with another base_fingerprint: train anew")


def test_checkpoint_of_another_number_format_is_refused(
    written: Path, method: MethodConfig
) -> None:
    """The same base model in bfloat16 says something else at every step."""
    other = wrap_model("tiny-llama", tiny_model().bfloat16(), tiny_tokenizer())
    identity = identity_of(other, method, [prepare(TEXT, other, method, [PAIR])])

    refused(written, other, method, identity, r"with another base_dtype: train anew")


@pytest.mark.parametrize(
    ("settings", "differs"),
    [
        ({"seed": 7}, "method"),
        ({"learning_rate": 1e-4}, "method"),
        ({"memory_kind": "lora"}, "lora_alpha, lora_rank, lora_target_modules, memory_kind, .*"),
    ],
)
def test_checkpoint_of_other_settings_is_refused(
    written: Path,
    llama: BaseModel,
    method: MethodConfig,
    data: TrainingData,
    settings: dict[str, str],
    differs: str,
) -> None:
    """Any setting makes another training, whatever it changes."""
    asked = replace(method, **settings)

    refused(written, llama, asked, identity_of(llama, asked, [data]), f"another {differs}: train")


@pytest.mark.parametrize(
    ("other", "reader", "differs"),
    [
        ({"text": TEXT + "."}, None, "text_sha256"),
        ({"pairs": []}, None, "pairs_sha256"),
        ({"pairs": [replace(PAIR, start=1)]}, None, "pairs_sha256"),
        ({"stretches": [[1, 2, 3]]}, None, "stretches_sha256"),
        ({}, "a" * 64, "start_sha256"),
    ],
)
def test_checkpoint_of_other_data_is_refused(
    written: Path,
    llama: BaseModel,
    method: MethodConfig,
    data: TrainingData,
    other: dict[str, object],
    reader: str | None,
    differs: str,
) -> None:
    """Another text, other pairs, another start: the message says which."""
    identity = identity_of(llama, method, [replace(data, **other)], reader)

    refused(written, llama, method, identity, f"with another {differs}: train anew")


def test_checkpoint_of_other_shapes_is_refused(
    written: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """Even where it claims to be of the same training."""
    wider, rival = replace(method, memory_width_factor=3), replace(method, memory_kind="lora")

    refused(written, llama, wider, identity, r"does not fit this training at exp_avg/layers\.0\.m")
    refused(written, llama, rival, identity, r"does not fit this training at exp_avg/layers\.0\.g")


def test_checkpoint_without_a_moment_is_refused(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """A parameter has all of its optimiser's state, or none."""
    state = untrained(llama, method, identity)
    step(state)
    weight = next(iter(state.memory.parameters()))
    del state.optimizer.state[weight]["exp_avg"]
    state.write(tmp_path / "1")

    refused(tmp_path / "1", llama, method, identity, r"fit this training at exp_avg/layers\.0")


def test_checkpoint_of_other_precision_is_refused(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, identity: dict[str, str]
) -> None:
    """Rounded weights would go another way from there."""
    state = untrained(llama, method, identity)
    nn.Module.bfloat16(state.memory)
    state.write(tmp_path / "0")

    refused(tmp_path / "0", llama, method, identity, r"fit this training at memory/layers\.0")


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
