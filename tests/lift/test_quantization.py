"""Base models in 8 and 4 bits: bitsandbytes' own layers, which it can also compute on a CPU."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from app.lift import quantization
from app.lift.adapter import read_adapter, write_adapter
from app.lift.base_model import BaseModel, load_base_model, wrap_model
from app.lift.config import MethodConfig
from app.lift.errors import AdapterError, BaseModelError
from app.lift.memory import GatedMemory
from app.lift.pipeline import lift_document
from app.lift.quantization import bitsandbytes_config, choose_quantization
from tests.lift.conftest import TEXT
from tests.lift.observers import Recorder
from tests.tiny import save_tiny_model, tiny_base, tiny_model, tiny_tokenizer

SCHEMES = ["int8", "nf4"]
CUDA, CPU = torch.device("cuda"), torch.device("cpu")
IDS = torch.arange(5, 45)[None]


def quantised(folder: Path, scheme: str) -> BaseModel:
    """Load a saved model as `load_base_model` does on CUDA, but on the CPU."""
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        quantization_config=bitsandbytes_config(scheme, torch.float32),
        device_map={"": CPU},
    )
    return wrap_model("tiny-llama", model, tiny_tokenizer())


@pytest.fixture(autouse=True)
def plain_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep bitsandbytes from the layout for bfloat16 on CPUs: our rows are shorter than its
    blocks. CUDA knows no such layout."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny model that is not quantised."""
    path = tmp_path_factory.mktemp("tiny")
    save_tiny_model(path)
    return path


def test_a_model_is_not_quantised_unless_asked() -> None:
    """`none` needs neither CUDA nor the package."""
    assert choose_quantization("none", CPU, torch.float32) is None
    assert tiny_base().quantization == "none"


def test_int8_is_llm_int8() -> None:
    """The linear layers' weights are 8-bit integers."""
    config = choose_quantization("int8", CUDA, torch.bfloat16)

    assert config is not None
    assert (config.load_in_8bit, config.load_in_4bit) == (True, False)


def test_nf4_is_qlora_4_bit_computed_in_the_models_dtype() -> None:
    """4-bit NormalFloat, scales quantised once more."""
    config = choose_quantization("nf4", CUDA, torch.bfloat16)

    assert config is not None
    assert (config.load_in_8bit, config.load_in_4bit) == (False, True)
    assert (config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == ("nf4", True)
    assert config.bnb_4bit_compute_dtype is torch.bfloat16


def test_an_unknown_quantisation_is_refused() -> None:
    """The message names the setting and the choices."""
    with pytest.raises(BaseModelError, match=r"LIFT_QUANTIZATION=fp3 .* none, int8 or nf4"):
        choose_quantization("fp3", CUDA, torch.bfloat16)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_quantisation_without_cuda_is_refused_before_anything_is_loaded(scheme: str) -> None:
    """One sentence says what is missing and what to do."""
    with pytest.raises(BaseModelError, match=f"LIFT_QUANTIZATION={scheme} needs CUDA.*use none"):
        load_base_model("/nowhere", Path("/nowhere"), "cpu", "float32", scheme)


def test_quantisation_without_the_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sentence holds the command to type."""
    monkeypatch.setattr(quantization, "_PACKAGE", "no_such_package")
    with pytest.raises(BaseModelError, match=r"pip install 'lift-server\[quantization\]'"):
        choose_quantization("nf4", CUDA, torch.bfloat16)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_quantised_model_passes_the_probe_and_says_what_it_is(folder: Path, scheme: str) -> None:
    """Its layers are tapped like any others; its embeddings keep the model's dtype."""
    base = quantised(folder, scheme)

    assert (base.quantization, base.dtype) == (scheme, torch.float32)
    assert base.shapes == tiny_base().shapes
    assert not base.model.model.layers[0].self_attn.q_proj.weight.is_floating_point()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_quantised_model_unplugs_bit_for_bit(
    folder: Path, scheme: str, make_memory: Callable[..., GatedMemory]
) -> None:
    """A memory leaves the quantised model as it was."""
    base = quantised(folder, scheme)
    with torch.no_grad():
        before = base.model(IDS).logits
        with base.plugged(make_memory(base)):
            plugged = base.model(IDS).logits
        after = base.model(IDS).logits

    assert torch.equal(after, before)
    assert not torch.allclose(plugged, before, atol=1e-3)


def test_fingerprint_knows_how_weights_are_quantised(folder: Path) -> None:
    """The same model in another form is another base model to an adapter; loaded anew, the same."""
    prints = [quantised(folder, scheme).fingerprint for scheme in (*SCHEMES, *SCHEMES)]

    assert len({*prints, tiny_base().fingerprint}) == 3
    assert prints[:2] == prints[2:]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_fingerprint_of_a_quantised_model_knows_other_scales(
    folder: Path, tmp_path: Path, scheme: str
) -> None:
    """Weights that differ in scale alone have the same integers, and another fingerprint."""
    model = tiny_model()
    model.model.layers[1].mlp.up_proj.weight.data.mul_(1.5)
    model.save_pretrained(tmp_path)

    assert quantised(tmp_path, scheme).fingerprint != quantised(folder, scheme).fingerprint


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_memory_of_a_quantised_model_belongs_to_it_alone(
    folder: Path, tmp_path: Path, small: MethodConfig, scheme: str
) -> None:
    """Trained through quantised layers, it is read back for them and refused by others."""
    base = quantised(folder, scheme)
    method = replace(small, num_qa_pairs=0, joint_epochs=0)
    lifted = lift_document(TEXT, base, method, Recorder())
    path = tmp_path / "a.safetensors"
    info = write_adapter(path, lifted, document_sha256="d0c", preset="quick", created_at="now")

    assert info.metadata["base_quantization"] == scheme
    read_adapter(path, base)
    with pytest.raises(AdapterError, match=f"trained with LIFT_QUANTIZATION={scheme}"):
        read_adapter(path, tiny_base())
