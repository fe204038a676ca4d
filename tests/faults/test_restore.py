"""A restore that is killed leaves an empty database, and is simply repeated."""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from sqlalchemy import inspect

from app.backup.saving import save
from app.clock import utc_now
from app.db import Database
from app.storage import source_key
from app.storage.folder import FolderStore
from tests.app.backup.place import Place, files
from tests.app.doctor.installation import Installation
from tests.waiting import wait_until

_SOURCE_BYTES = 256 * 1024**2


def test_killed_restore_is_repeated(sqlite: Database, store: FolderStore, tmp_path: Path) -> None:
    """Struck while it copies files; over what it leaves, the second one writes."""
    installation = Installation(sqlite, store)
    installation.fill()
    last = max(installation.ready, installation.training, installation.waiting)
    store.put(source_key(last), BytesIO(bytes(_SOURCE_BYTES)))
    save(sqlite, store, tmp_path / "b.tar", utc_now())
    with Place.at(tmp_path / "new") as place:
        command = [sys.executable, "-m", "app.cli.main", "restore", str(tmp_path / "b.tar")]
        process = subprocess.Popen(command, env=os.environ | {"LIFT_DATA_DIR": str(place.data_dir)})
        wait_until(lambda: files(place.store) or process.poll() is not None, 60)
        process.kill()

        assert process.wait() == -9
        assert 0 < len(files(place.store)) < len(files(store))
        assert not inspect(place.database.engine).get_table_names()

        place.restore(tmp_path / "b.tar")

        assert len(place.tables()["documents"]) == 3
        assert set(files(place.store)) == set(files(store)) - {installation.checkpoint}
