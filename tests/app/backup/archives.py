"""Backups as nobody would write them."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from app.backup.archive import damage_told
from app.backup.checking import check


def rewritten(path: Path, change: Callable[[tarfile.TarInfo, bytes], bytes | None]) -> None:
    """Write the archive anew, each member as `change` returns it; None leaves it out."""
    with tarfile.open(path) as old:
        members = [(info, old.extractfile(info)) for info in old.getmembers()]
        contents = [(info, file.read() if file else b"") for info, file in members]
    with tarfile.open(path, "w") as new:
        for info, content in contents:
            changed = change(info, content)
            if changed is not None:
                info.size = len(changed)
                new.addfile(info, io.BytesIO(changed))


def appended(path: Path, info: tarfile.TarInfo) -> None:
    """Add a member without content as the second one."""
    with tarfile.open(path) as old:
        contents = [(each, old.extractfile(each)) for each in old.getmembers()]
        with tarfile.open(path.with_suffix(".new"), "w") as new:
            for number, (each, file) in enumerate(contents):
                if number == 1:
                    new.addfile(info)
                new.addfile(each, file)
    path.with_suffix(".new").replace(path)


def contents(path: Path, folder: Path) -> dict[str, bytes]:
    """Return all that a restore would take out of a backup."""
    with damage_told():
        checked = check(path, folder, lambda _: None)
        return {entry.name: content.read() for entry, content in checked.members("")}
