"""The adapter file: exactly these keys, refused when it is not what it says."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from app.lift.adapter import AdapterInfo, Lifted, most_memory_bytes, read_adapter, write_adapter
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.errors import AdapterError
from app.lift.files import file_sha256
from app.lift.memory import GatedMemory
from tests.lift.conftest import cached_base

MakeMemory = Callable[..., GatedMemory]


def write(path: Path, base: BaseModel, memory: GatedMemory) -> AdapterInfo:
    lifted = Lifted(memory, base, MethodConfig(seed=5), 1234, 3, 99_000, (3.5, 2.25))
    return write_adapter(
        path, lifted, document_sha256="d0c", preset="paper", created_at="2026-01-02T03:04:05Z"
    )


@pytest.fixture
def path(tmp_path: Path, llama: BaseModel, make_memory: MakeMemory) -> Path:
    """A sound adapter file of the llama base."""
    path = tmp_path / "a.safetensors"
    write(path, llama, make_memory(llama))
    return path


def test_adapter_file_holds_exactly_these_tensors(path: Path) -> None:
    """Four tensors a layer, in bfloat16, nothing else: no weight of the base model."""
    tensors = load_file(path)
    parts = {
        "memory_in": (4, 16, 32),
        "memory_out": (4, 32, 16),
        "gate_in": (4, 16, 4),
        "gate_out": (4, 4, 1),
    }

    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        f"layers.{layer}.{part}": shape for layer in range(3) for part, shape in parts.items()
    }
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}


def test_adapter_file_says_where_it_comes_from(path: Path, llama: BaseModel) -> None:
    """Metadata name the base model, the settings, the seed, the document and the losses."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()

    assert set(metadata) == {
        "format_version",
        "memory_kind",
        "query_source",
        "memory_width_factor",
        "num_trained_parameters",
        "base_model",
        "base_dtype",
        "base_quantization",
        "base_fingerprint",
        "tokenizer_hash",
        "preset",
        "method",
        "document_sha256",
        "num_tokens",
        "num_qa_pairs",
        "tokens_processed",
        "losses",
        "seed",
        "created_at",
        "quality",
        "reader_sha256",
        "former_sha256",
    }
    assert metadata["base_fingerprint"] == llama.fingerprint
    assert (metadata["seed"], metadata["losses"]) == ("5", "[3.5, 2.25]")


def test_adapter_comes_back_as_it_was_written(
    tmp_path: Path, base: BaseModel, make_memory: MakeMemory
) -> None:
    """Reading gives the written weights, rounded to bfloat16, in the base model's dtype."""
    memory = make_memory(base)
    info = write(tmp_path / "a", base, memory)
    read = read_adapter(tmp_path / "a", base, info.sha256)
    expected = {name: value.bfloat16().float() for name, value in memory.state_dict().items()}

    assert info.size_bytes == (tmp_path / "a").stat().st_size
    torch.testing.assert_close(dict(read.state_dict()), expected, rtol=0, atol=0)
    assert not any(parameter.requires_grad for parameter in read.parameters())


def test_a_memory_takes_no_more_than_its_files_size_tells(path: Path, llama: BaseModel) -> None:
    """Nor much less: all of the file but its header are weights."""
    most_bytes = most_memory_bytes(path.stat().st_size, llama)
    num_bytes = sum(weight.nbytes for weight in read_adapter(path, llama).parameters())

    assert 0.7 * most_bytes < num_bytes <= most_bytes


@pytest.mark.parametrize("place", [0.0, 0.3, 0.999])
def test_a_flipped_bit_is_refused(path: Path, llama: BaseModel, place: float) -> None:
    """A single changed bit anywhere in the file is noticed, and the file is named."""
    sha256 = file_sha256(path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(AdapterError, match=r"a\.safetensors is damaged"):
        read_adapter(path, llama, sha256)


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(path: Path, llama: BaseModel, kept: int) -> None:
    """A file cut short is refused even where its hash is not known."""
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(AdapterError, match=r"a\.safetensors is no whole safetensors file"):
        read_adapter(path, llama)


def test_a_missing_file_is_refused(tmp_path: Path, llama: BaseModel) -> None:
    """A file that is gone is named."""
    with pytest.raises(AdapterError, match="gone is missing"):
        read_adapter(tmp_path / "gone", llama)


def test_an_adapter_of_another_base_model_is_refused(path: Path) -> None:
    """An adapter never reaches a base model that it was not trained on."""
    with pytest.raises(AdapterError, match="trained on the base model 'tiny-llama'"):
        read_adapter(path, cached_base("qwen2"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format_version", "2"),
        ("memory_kind", "slots"),
        ("memory_kind", ""),
        ("query_source", "post-rope"),
        ("memory_width_factor", "0"),
        ("memory_width_factor", "1000000"),
        ("memory_width_factor", "x"),
    ],
)
def test_other_formats_are_refused_by_name(
    path: Path, llama: BaseModel, key: str, value: str
) -> None:
    """A file of a format that this version cannot read says which."""
    relabel(path, {key: value})
    with pytest.raises(AdapterError, match=f"{key} '{value}'"):
        read_adapter(path, llama)


def relabel(path: Path, changes: dict[str, str]) -> None:
    """Change the metadata and nothing else."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, metadata | changes)


def test_a_file_without_metadata_is_refused(path: Path, llama: BaseModel) -> None:
    """Any safetensors file is not an adapter."""
    save_file(load_file(path), path)
    with pytest.raises(AdapterError, match="format_version None"):
        read_adapter(path, llama)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_a_file_with_other_tensors_is_refused(path: Path, llama: BaseModel, change: str) -> None:
    """A key too few, a key too many or another shape: refused, and the tensor is named."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensor = tensors.pop("layers.1.gate_in")
    if change == "extra":
        tensors |= {"layers.1.gate_in": tensor, "layers.1.gate_in_too": tensor.clone()}
    if change == "shape":
        tensors |= {"layers.1.gate_in": tensor[:2].contiguous()}
    save_file(tensors, path, metadata)
    with pytest.raises(AdapterError, match=r"does not fit the base model at layers\.1\.gate_in"):
        read_adapter(path, llama)
