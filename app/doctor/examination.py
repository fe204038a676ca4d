"""Reads every file that a row names, and looks for files that none does. Changes nothing."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.db import Database
from app.doctor.named import NamedFile, Names, Role, find_names
from app.storage import Store, StoredKey
from app.storage.keys import DOCUMENTS, INCOMING

YOUNG = timedelta(hours=1)
"""Files without a row that are younger may belong to an upload or an attempt under way."""


class Trouble(StrEnum):
    """What can be wrong with a file."""

    MISSING = "missing"
    DAMAGED = "damaged"
    ORPHAN = "orphan"
    """No row names it."""
    LEFTOVER = "leftover"
    """A temporary file that a killed process left."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One file that is not as it should be."""

    trouble: Trouble
    key: str
    named: NamedFile | None
    """What the row says; None for files without one."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination found."""

    findings: tuple[Finding, ...]
    num_files: int
    """Files that rows name."""
    num_bytes: int
    """Of those, read and hashed."""
    num_young: int
    """Files without a row that were left out because they are new."""
    is_foreign: bool
    """The store holds documents, and the database knows none of them: it may be another's."""


def examine(
    database: Database,
    store: Store,
    now: datetime,
    read: Callable[[int, int], object] = lambda *_: None,
) -> Report:
    """Compare rows and files; `read` is told the bytes that were read, and how many there are.

    Raises:
        OSError: the store cannot be read.
    """
    before = _names(database)
    stored = {found.key: found for prefix in (DOCUMENTS, INCOMING) for found in store.list(prefix)}
    suspects, num_bytes = _check_files(store, before, stored, read)
    after = _names(database)
    confirmed = [finding for finding in suspects if finding.named in after.files]
    known = before.keys | after.keys
    without_row = [found for key, found in stored.items() if key not in known]
    old = [found for found in without_row if found.modified < now - YOUNG]
    findings = [*confirmed, *(_unnamed(found) for found in old)]
    return Report(
        findings=tuple(sorted(findings, key=lambda finding: finding.key)),
        num_files=len(before.files),
        num_bytes=num_bytes,
        num_young=len(without_row) - len(old),
        is_foreign=_is_foreign(stored, after),
    )


def look_at(store: Store, named: NamedFile) -> Trouble | None:
    """Say what is wrong with a file that a row names; None if nothing is."""
    try:
        if named.role is Role.TEXT:
            return _look_at_text(store, named)
        if named.sha256 is None:
            next(iter(store.chunks(named.key)), b"")
            return None
        digest = hashlib.sha256()
        for chunk in store.chunks(named.key):
            digest.update(chunk)
    except FileNotFoundError:
        return Trouble.MISSING
    return None if digest.hexdigest() == named.sha256 else Trouble.DAMAGED


def _look_at_text(store: Store, named: NamedFile) -> Trouble | None:
    try:
        text = store.read(named.key).decode()
    except UnicodeDecodeError:
        return Trouble.DAMAGED
    return None if len(text) == named.num_characters else Trouble.DAMAGED


def _names(database: Database) -> Names:
    with database.reading() as session:
        return find_names(session)


def _check_files(
    store: Store,
    names: Names,
    stored: Mapping[str, StoredKey],
    read: Callable[[int, int], object],
) -> tuple[list[Finding], int]:
    sizes = {file: stored[file.key].size_bytes for file in names.files if file.key in stored}
    total, done = sum(sizes.values()), 0
    findings = []
    for file in sorted(names.files, key=lambda file: file.key):
        if trouble := look_at(store, file):
            findings.append(Finding(trouble, file.key, file))
        done += sizes.get(file, 0)
        read(done, total)
    return findings, done


def _unnamed(found: StoredKey) -> Finding:
    is_temporary = found.key.startswith(f"{INCOMING}/")
    return Finding(Trouble.LEFTOVER if is_temporary else Trouble.ORPHAN, found.key, None)


def _is_foreign(stored: Mapping[str, StoredKey], names: Names) -> bool:
    held = {key.split("/")[1] for key in stored if key.startswith(f"{DOCUMENTS}/")}
    return bool(held) and not held & names.document_ids
