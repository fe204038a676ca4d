from pathlib import Path

import pytest

from app.embedded.data_folder import owned
from app.embedded.errors import ServeError


def test_folder_is_made_for_its_owner(tmp_path: Path) -> None:
    """A missing data folder is made, and nobody else may read it."""
    with owned(tmp_path / "deep" / "data"):
        mode = (tmp_path / "deep" / "data").stat().st_mode & 0o777

    assert mode == 0o700


def test_folder_serves_one_at_a_time(tmp_path: Path) -> None:
    """A second server on a folder is refused in one sentence; after the first it is welcome."""
    with owned(tmp_path), pytest.raises(ServeError, match="another lift serve is using"):
        owned(tmp_path).__enter__()

    with owned(tmp_path):
        pass


def test_unwritable_folder_is_refused(tmp_path: Path) -> None:
    """A folder that cannot be made is told with the reason."""
    (tmp_path / "file").touch()

    with pytest.raises(ServeError, match="cannot write to the data folder"):
        owned(tmp_path / "file" / "data").__enter__()
