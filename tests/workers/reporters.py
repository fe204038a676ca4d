"""Reporters for tests that take no checkpoints."""

import time
from collections.abc import Callable
from pathlib import Path

from app.db import Database
from app.leases import Lease
from app.storage.folder import FolderStore
from workers.checkpoints import CheckpointKeeper
from workers.drain import Drain
from workers.reporter import Reporter


def reporter_of(
    database: Database, lease: Lease, clock: Callable[[], float] = time.monotonic
) -> Reporter:
    """A reporter whose keeper is never offered anything."""
    drain = Drain()
    keeper = CheckpointKeeper(database, FolderStore(Path("unused")), lease, str, drain, 1.0)
    return Reporter(database, lease, keeper, drain, clock)
