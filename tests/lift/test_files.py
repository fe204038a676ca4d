"""Files that are whole or as they were."""

import os
from pathlib import Path

import pytest

from app.lift.files import appearing_whole, file_sha256, write_whole


def test_a_file_is_replaced_with_its_rights(tmp_path: Path) -> None:
    """The new content stands under the name, with the mode that was asked for, and alone."""
    path = tmp_path / "state.json"
    path.write_text("old")
    write_whole(path, "new", mode=0o600)

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the new content is on the disk, the old one stands."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "state.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")

    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["state.json"]


def test_an_unfinished_file_begins_with_the_name(tmp_path: Path) -> None:
    """Who clears up by names behind a killed process finds it."""
    with appearing_whole(tmp_path / "tmp_1") as unfinished:
        unfinished.touch()

        assert [path.name for path in tmp_path.glob("tmp_1*")] == [unfinished.name]
        assert unfinished.name != "tmp_1"


def test_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    """SHA-256 of what a known test vector says."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")

    assert file_sha256(path).startswith("ba7816bf8f01cfea414140de5dae2223")
