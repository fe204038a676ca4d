"""Checkpoints that are not believed: damaged, of another sort, or of another training."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from torch import nn

from app.lift.base_model import BaseModel, wrap_model
from app.lift.checkpoint import identity_of
from app.lift.config import MethodConfig
from app.lift.errors import CheckpointError
from app.lift.examples import TrainingData
from app.lift.pipeline import prepare
from tests.lift.checkpoint.conftest import PAIR, exact, step, untrained
from tests.lift.conftest import TEXT, cached_base
from tests.tiny import tiny_model, tiny_tokenizer


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
