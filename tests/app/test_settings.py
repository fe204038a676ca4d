"""Settings: what is refused, and what they make of the data folder."""

from io import BytesIO
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.db import connect, migrate
from app.settings import Settings
from app.storage import open_store


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%41 b"])
def test_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Database and store lie in the folder itself, whatever its name means in a URL."""
    settings = Settings(data_dir=tmp_path / name)
    settings.data_dir.mkdir()

    migrate(settings.resolved_database_url)
    connect(settings.resolved_database_url).connect().close()
    open_store(settings).put("key", BytesIO(b"x"))

    assert [folder.name for folder in tmp_path.iterdir()] == [name]
    assert (settings.data_dir / "lift.db").exists()
    assert (settings.data_dir / "store" / "key").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"preset": "qiuck"}, "LIFT_PRESET must be one of"),
        ({"preset": "balanced-pissa", "quantization": "nf4"}, "needs LIFT_QUANTIZATION=none"),
        ({"lease_seconds": 10, "heartbeat_seconds": 10}, "LIFT_LEASE_SECONDS must be more than"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"sweep_seconds": 0}, "sweep_seconds"),
        ({"job_timeout_seconds": -1}, "job_timeout_seconds"),
        ({"max_answer_tokens": 0}, "max_answer_tokens"),
        ({"port": 65536}, "port"),
        ({"port": -1}, "port"),
        ({"auth": "yes"}, "'off' or 'keys'"),
        ({"max_documents": 0}, "max_documents"),
    ],
)
def test_impossible_settings_are_refused(given: dict[str, str | int], told: str) -> None:
    """What cannot work is told at the start, by its name."""
    with pytest.raises(ValidationError, match=told):
        Settings.model_validate(given)


@pytest.mark.parametrize(
    ("quantization", "preset"),
    [("none", "balanced-pissa"), ("int8", "balanced"), ("nf4", "balanced")],
)
def test_default_preset_is_the_best_that_the_base_can_carry(quantization: str, preset: str) -> None:
    """PiSSA starts from whole weights; with quantised ones, documents get a Gated Memory."""
    settings = Settings(quantization=quantization)

    assert settings.preset == preset
    assert Settings(quantization=quantization, preset="quick").preset == "quick"
