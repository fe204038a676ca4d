"""Readers: made from other documents, started from, and refused where they do not fit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from app.lift.adapter import Lifted, read_adapter, write_adapter, write_reader
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import ReaderError
from app.lift.files import file_sha256
from app.lift.kinds import DocumentMemory
from app.lift.pipeline import lift_document
from app.lift.reader import Reader, load_reader
from tests.lift.conftest import TEXT, cached_base
from tests.lift.observers import Recorder

KINDS = ("gated-memory", "lora", "pissa")


@pytest.fixture
def method(small: MethodConfig) -> MethodConfig:
    """Settings that every kind fits."""
    return replace(small, lora_rank=4, num_qa_pairs=0)


@pytest.fixture
def write(
    tmp_path: Path, llama: BaseModel, make_memory: Callable, make_low_rank: Callable
) -> Callable[[MethodConfig], Path]:
    """Write a reader of a kind as if it were trained."""

    def write_one(method: MethodConfig) -> Path:
        kind, path = method.memory_kind, tmp_path / "reader.safetensors"
        memory = make_memory(llama) if kind == "gated-memory" else make_low_rank(llama, kind)
        lifted = Lifted(memory, llama, method, 900, 5, 4_000, (3.0, 2.0))
        write_reader(path, lifted, num_documents=3, preset="quick", created_at="2026-01-02")
        return path

    return write_one


def states(memory: nn.Module) -> list[torch.Tensor]:
    return list(memory.state_dict().values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_starts_from_the_reader(
    llama: BaseModel, method: MethodConfig, write: Callable[[MethodConfig], Path], kind: str
) -> None:
    """With a learning rate of next to nothing the lifted memory is the reader's, in every kind."""
    method = replace(method, memory_kind=kind, learning_rate=1e-12)
    path = write(method)
    reader = load_reader(path, llama, method)
    lifted = lift_document(TEXT, llama, method, Recorder(), reader)

    assert all(parameter.requires_grad for parameter in lifted.memory.parameters())
    torch.testing.assert_close(states(lifted.memory), states(reader.memory))
    assert lifted.reader_sha256 == file_sha256(path)


@pytest.mark.parametrize("kind", KINDS)
def test_lifting_leaves_the_reader_as_it_was(
    llama: BaseModel, method: MethodConfig, write: Callable[[MethodConfig], Path], kind: str
) -> None:
    """Two documents in one process start from the same weights."""
    method = replace(method, memory_kind=kind, learning_rate=1e-2)
    reader = load_reader(write(method), llama, method)
    first = lift_document(TEXT, llama, method, Recorder(), reader)
    again = lift_document(TEXT, llama, method, Recorder(), reader)

    assert all(map(torch.equal, states(first.memory), states(again.memory)))
    assert not all(map(torch.equal, states(first.memory), states(reader.memory)))
    assert not any(parameter.requires_grad for parameter in reader.memory.parameters())


def test_adapter_names_the_reader_it_started_from(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, write: Callable[[MethodConfig], Path]
) -> None:
    """The file says which reader, and nothing where there was none."""
    reader = load_reader(write(method), llama, method)
    named = [
        write_adapter(
            tmp_path / "a",
            lift_document(TEXT, llama, method, Recorder(), given),
            document_sha256="",
            preset="quick",
            created_at="",
        ).metadata["reader_sha256"]
        for given in (reader, None)
    ]

    assert named == [reader.sha256, ""]


def test_reader_says_what_it_was_made_of(
    llama: BaseModel, method: MethodConfig, write: Callable[[MethodConfig], Path]
) -> None:
    """Metadata are an adapter's, with documents counted instead of one named."""
    with safe_open(write(method), framework="pt") as file:
        metadata = file.metadata()

    assert set(metadata) == {
        "format_version",
        "memory_kind",
        "query_source",
        "memory_width_factor",
        "num_trained_parameters",
        "base_model",
        "base_dtype",
        "base_fingerprint",
        "base_quantization",
        "tokenizer_hash",
        "preset",
        "method",
        "num_documents",
        "num_tokens",
        "num_qa_pairs",
        "tokens_processed",
        "losses",
        "seed",
        "created_at",
    }
    assert (metadata["num_documents"], metadata["base_model"]) == ("3", "tiny-llama")


def test_reader_can_be_asked_like_an_adapter(
    llama: BaseModel, method: MethodConfig, write: Callable[[MethodConfig], Path]
) -> None:
    """It is an adapter's file: the same checks, the same memory."""
    memory: DocumentMemory = read_adapter(write(method), llama)

    assert states(memory)


def refused(path: Path, base: BaseModel, method: MethodConfig, told: str) -> None:
    with pytest.raises(ReaderError, match=told):
        load_reader(path, base, method)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"memory_kind": "lora"}, "has memory_kind 'gated-memory' and these settings ask for 'lor"),
        ({"memory_width_factor": 3}, "has memory_width_factor '2' and these settings ask for '3'"),
    ],
)
def test_reader_of_another_kind_or_shape_is_refused(
    llama: BaseModel,
    method: MethodConfig,
    write: Callable[[MethodConfig], Path],
    asked: dict[str, str],
    told: str,
) -> None:
    """The message gives both, and what to do."""
    refused(write(method), llama, replace(method, **asked), rf"{told}.*`lift pretune`")


def test_reader_of_another_rank_is_refused(
    llama: BaseModel, method: MethodConfig, write: Callable[[MethodConfig], Path]
) -> None:
    """A LoRA of rank 4 is no start for one of rank 8."""
    path = write(replace(method, memory_kind="lora"))
    asked = replace(method, memory_kind="lora", lora_rank=8)

    refused(path, llama, asked, r"lora_rank '4' and these settings ask for '8'")


def test_reader_of_another_base_model_is_refused(
    method: MethodConfig, write: Callable[[MethodConfig], Path]
) -> None:
    """Both models are named."""
    told = r"trained on the base model 'tiny-llama', .*'tiny-qwen2': make one for it"

    refused(write(method), cached_base("qwen2"), method, told)


def test_a_documents_adapter_is_no_reader(
    tmp_path: Path, llama: BaseModel, method: MethodConfig, make_memory: Callable
) -> None:
    """What one document taught is not what others should start from by accident."""
    lifted = Lifted(make_memory(llama), llama, method, 1, 0, 1, (1.0,))
    write_adapter(tmp_path / "a", lifted, document_sha256="d", preset="quick", created_at="")

    refused(tmp_path / "a", llama, method, r"a is no reader: `lift pretune` makes them")


@pytest.mark.parametrize("kept", [0, 100, -1])
def test_truncated_reader_is_refused(
    llama: BaseModel, method: MethodConfig, write: Callable[[MethodConfig], Path], kept: int
) -> None:
    """A file cut short is named."""
    path = write(method)
    path.write_bytes(path.read_bytes()[:kept])

    refused(path, llama, method, r"reader\.safetensors cannot be used: .* no whole safetensors")


def test_reader_whose_tensors_belie_it_is_refused(
    llama: BaseModel, method: MethodConfig, write: Callable[[MethodConfig], Path]
) -> None:
    """The checks of an adapter's file hold for it, too."""
    path = write(method)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    del tensors["layers.0.gate_in"]
    save_file(tensors, path, metadata)

    refused(path, llama, method, r"does not fit the base model at layers\.0\.gate_in")


def test_missing_reader_is_refused(tmp_path: Path, llama: BaseModel, method: MethodConfig) -> None:
    """A path to nothing, or to a folder, is named."""
    refused(tmp_path / "gone", llama, method, r"gone cannot be used")
    refused(tmp_path, llama, method, r"cannot be used")


def test_reader_in_bfloat16_starts_in_float32(llama: BaseModel, make_memory: Callable) -> None:
    """Training keeps its weights in float32, whatever the base model computes in."""
    start = Reader(make_memory(llama).bfloat16(), "sha").copied()

    assert {parameter.dtype for parameter in start.parameters()} == {torch.float32}
