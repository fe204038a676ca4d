"""Reads a whole backup before anything of it is believed."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import IO

from app.backup.archive import ArchiveReader, pieces
from app.backup.errors import BackupError
from app.backup.form import HEAD, MANIFEST, STORE, SUM, End, Entry, Head, is_member
from app.db import known_revisions

_MOST_HEAD_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup whose every byte was compared with its manifest."""

    path: Path
    manifest: Path
    """The manifest, beside it."""
    head: Head
    end: End

    def entries(self) -> Iterator[Entry]:
        """Give all members but head and manifest, in the archive's order."""
        with self.manifest.open(encoding="utf-8") as lines:
            yield from map(Entry.from_json, islice(lines, 1, self.end.num_files + 1))

    def members(self, prefix: str) -> Iterator[tuple[Entry, IO[bytes]]]:
        """Give the members whose names begin so, but those that are void."""
        void = tuple(f"{STORE}documents/{document_id}/" for document_id in self.end.left_out)
        with ArchiveReader(self.path) as archive:
            contents = islice(archive.members(), 1, None)
            for entry, (name, content) in zip(self.entries(), contents, strict=False):
                if name != entry.name:
                    raise BackupError("it has changed since it was checked")
                if name.startswith(prefix) and not name.startswith(void):
                    yield entry, content


def check(path: Path, folder: Path, read: Callable[[int], object]) -> Backup:
    """Compare every member of a backup with the manifest; `read` hears of the bytes so far.

    What is put aside on the way lies in `folder`.

    Raises:
        BackupError: it is none, of a newer version, damaged, or cut off.
        tarfile.TarError: it is damaged, or cut off.
        OSError: it cannot be read.
    """
    seen, manifest = folder / "seen.jsonl", folder / MANIFEST
    with ArchiveReader(path) as archive, seen.open("w", encoding="utf-8") as lines:
        members = archive.members()
        head = _read_head(members)
        lines.write(head.to_json() + "\n")
        num_files = num_bytes = 0
        for name, content in members:
            if name == MANIFEST:
                _keep_manifest(content, members, manifest)
                break
            entry = _hashed(name, content)
            num_files, num_bytes = num_files + 1, num_bytes + entry.size_bytes
            lines.write(entry.to_json() + "\n")
            read(num_bytes)
        else:
            raise BackupError(f"it is damaged, or was cut off behind {num_files} files")
    end = _compare(seen, manifest)
    if (num_files, num_bytes) != (end.num_files, end.num_bytes):
        raise BackupError("its manifest is damaged")
    return Backup(path, manifest, head, end)


def _read_head(members: Iterator[tuple[str, IO[bytes]]]) -> Head:
    name, content = next(members, ("", None))
    if name != HEAD or content is None:
        raise BackupError("it is no backup: `lift backup` makes them")
    head = Head.from_json(content.read(_MOST_HEAD_BYTES))
    if head.schema_revision not in known_revisions():
        raise BackupError(
            "its database is newer than this version's: restore it with LIFT Server "
            f"{head.lift_version}"
        )
    return head


def _hashed(name: str, content: IO[bytes]) -> Entry:
    if not is_member(name):
        raise BackupError(f"it holds {name!r}, which is no part of a backup")
    digest, num_bytes = hashlib.sha256(), 0
    for piece in pieces(content):
        digest.update(piece)
        num_bytes += len(piece)
    return Entry(name, num_bytes, digest.hexdigest())


def _keep_manifest(
    content: IO[bytes], members: Iterator[tuple[str, IO[bytes]]], path: Path
) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in pieces(content):
            digest.update(piece)
            file.write(piece)
    name, told = next(members, ("", None))
    if name != SUM or told is None or told.read(100) != digest.hexdigest().encode():
        raise BackupError("its manifest is damaged, or was cut off")
    if next(members, None) is not None:
        raise BackupError("something was added behind its end")


def _compare(seen: Path, manifest: Path) -> End:
    with (
        seen.open(encoding="utf-8") as found,
        manifest.open(encoding="utf-8", errors="replace") as told,
    ):
        for line, promised in zip_longest(found, told):
            if line == promised:
                continue
            if promised is None:
                break
            if line is None:
                return End.from_json(promised)
            name = Entry.from_json(promised).name if promised.startswith('{"name"') else "its head"
            raise BackupError(f"it is damaged: {name} is not what was saved")
    raise BackupError("its manifest has no end")
