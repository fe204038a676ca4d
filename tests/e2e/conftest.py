"""The real SmolLM2, for the tests that run it."""

from pathlib import Path

import pytest
import torch

from app.lift.base_model import BaseModel, load_base_model
from app.lift.device import choose_dtype


@pytest.fixture(scope="session")
def models(pytestconfig: pytest.Config) -> Path:
    """The converted model, kept between runs."""
    return Path(pytestconfig.cache.mkdir("models"))


@pytest.fixture(scope="session")
def dtype() -> str:
    """The faster number format, timed once for the server and for this process."""
    return str(choose_dtype("auto", torch.device("cpu"))).removeprefix("torch.")


@pytest.fixture(scope="session")
def smollm2(models: Path, dtype: str) -> BaseModel:
    """The base model in this process, for what HTTP does not show."""
    return load_base_model("smollm2", models, "cpu", dtype)
