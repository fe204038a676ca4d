"""How full the disk of the data folder is."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Metric

from app.metrics.families import gauge


class DiskCollector:
    """Reads one folder's file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Give size and room; nothing while the folder cannot be looked at."""
        try:
            usage = shutil.disk_usage(self._folder)
        except OSError:
            return
        yield gauge("lift_disk_size_bytes", "Size of the data folder's disk.", usage.total)
        yield gauge("lift_disk_free_bytes", "Room on the data folder's disk.", usage.free)
