"""The adapter bank: memories on their way from a file to a slot, and back to nothing.

A memory is read from its file by a thread of the bank's own, so that no step waits for it, kept in
main memory, and copied into a slot of the device while somebody wants it. A slot that running rows
read is never given away. Knows no rows and no documents: a memory's key is its file's hash.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import NamedTuple

import structlog

from app.engine.answerer import Tier
from app.engine.slots import Slots
from app.lift.kinds import DocumentMemory
from app.lift.memory import GatedMemory

_TELLING_SECONDS = 2.0
_log = structlog.get_logger()


class Kept(NamedTuple):
    """What the bank tells of one memory."""

    key: str
    tier: Tier
    num_bytes: int
    num_rows: int
    """Rows that read it now."""


@dataclass
class _Entry:
    document_id: str
    tier: Tier = Tier.COMING
    memory: DocumentMemory | None = None
    error: Exception | None = None
    slot: int | None = None
    num_rows: int = 0
    num_bytes: int = 0
    is_forgotten: bool = False
    failed_at: float = 0.0

    def is_stale_failure(self) -> bool:
        """Say whether those who waited for it have heard that it failed, or are gone."""
        is_old = time.monotonic() - self.failed_at > _TELLING_SECONDS
        return self.tier is Tier.FAILED and is_old


class Bank:
    """All memories of one engine. Safe to use from many threads."""

    def __init__(self, slots: Slots, host_bytes: int, on_change: Callable[[], object]) -> None:
        """Keep memories in `slots`, and up to `host_bytes` of them in main memory.

        `on_change` is called, from any thread, when a memory may have become ready.
        """
        self._slots, self._host_bytes, self._on_change = slots, host_bytes, on_change
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._free = list(range(slots.num_slots))
        self._lock = Lock()
        self.num_copies = 0
        """Memories that were copied into a slot so far."""
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="bank")

    def prepare(self, key: str, document_id: str, load: Callable[[], DocumentMemory]) -> Tier:
        """Say where a memory is; one that is nowhere is loaded, once, however many want it.

        A memory that failed is tried again by the next who wants it.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.is_stale_failure():
                entry = self._entries[key] = _Entry(document_id)
                self._threads.submit(self._guarded, key, entry, partial(self._load, load))
            elif entry.tier is Tier.HOST:
                self._settle(key, entry)
            self._entries.move_to_end(key)
            return entry.tier

    def acquire(self, key: str) -> tuple[int | None, DocumentMemory | None]:
        """Hold a memory for one row: its slot, or the memory itself where it runs alone.

        Raises:
            KeyError: it is not ready; `prepare` first.
        """
        with self._lock:
            entry = self._entries[key]
            if entry.tier not in (Tier.SLOT, Tier.ALONE):
                raise KeyError(key)
            entry.num_rows += 1
            self._entries.move_to_end(key)
            return entry.slot, entry.memory if entry.tier is Tier.ALONE else None

    def release(self, key: str) -> None:
        """Let go of a memory that `acquire` gave."""
        with self._lock:
            entry = self._entries[key]
            entry.num_rows -= 1
            if entry.is_forgotten and not entry.num_rows:
                self._drop(key)
        self._on_change()  # somebody may wait for its slot

    def take_error(self, key: str) -> Exception:
        """Return why a memory failed, and forget the failure."""
        with self._lock:
            error = self._entries[key].error
            assert error is not None, "a memory that has not failed"
            del self._entries[key]
            return error

    def forget(self, document_id: str) -> None:
        """Drop a document's memories, each once no row reads it."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.document_id == document_id:
                    entry.is_forgotten = True
                    if not entry.num_rows and entry.tier is not Tier.COMING:
                        self._drop(key)
        self._on_change()

    def kept(self) -> list[Kept]:
        """Tell of all memories."""
        with self._lock:
            return [
                Kept(
                    key,
                    entry.tier,
                    entry.num_bytes,
                    entry.num_rows,
                )
                for key, entry in self._entries.items()
            ]

    def close(self) -> None:
        """End the loading."""
        self._threads.shutdown(cancel_futures=True)

    def _guarded(self, key: str, entry: _Entry, work: Callable[[str, _Entry], object]) -> None:
        """Do a thread's work on a memory; what goes wrong is told to whoever waits for it."""
        try:
            work(key, entry)
        except Exception as error:
            # The thread's edge.
            with self._lock:
                if entry.slot is not None:
                    self._leave_slot(entry)
                entry.tier, entry.error = Tier.FAILED, error
                entry.failed_at, entry.memory = time.monotonic(), None
        self._on_change()

    def _load(self, load: Callable[[], DocumentMemory], key: str, entry: _Entry) -> None:
        memory = load()
        can_share = isinstance(memory, GatedMemory) and self._slots.can_hold(memory)
        with self._lock:
            entry.memory = memory if can_share else memory.to(self._slots.device)
            entry.num_bytes = sum(weight.nbytes for weight in memory.parameters())
            entry.tier = Tier.HOST if can_share else Tier.ALONE
            self._settle(key, entry)
            self._make_room(key)

    def _settle(self, key: str, entry: _Entry) -> None:
        """Go on with a memory that has come: to a slot if one can be had, away if it is unwanted.

        The copy is made by a thread of the bank; until it is, the slot is nobody else's.
        """
        if entry.is_forgotten and not entry.num_rows:
            self._drop(key)
        elif entry.tier is Tier.HOST:
            if not self._free:
                self._take_slot_back()
            if self._free:
                entry.slot, entry.tier = self._free.pop(), Tier.COMING
                self._threads.submit(self._guarded, key, entry, self._copy)

    def _copy(self, key: str, entry: _Entry) -> None:
        assert isinstance(entry.memory, GatedMemory)
        assert entry.slot is not None
        self._slots.write(entry.slot, entry.memory)
        with self._lock:
            self.num_copies += 1
            entry.tier = Tier.SLOT
            if entry.is_forgotten:
                self._drop(key)

    def _take_slot_back(self) -> None:
        for entry in self._entries.values():
            if entry.tier is Tier.SLOT and not entry.num_rows:
                self._leave_slot(entry)
                return

    def _leave_slot(self, entry: _Entry) -> None:
        assert entry.slot is not None
        self._free.append(entry.slot)
        entry.slot, entry.tier = None, Tier.HOST

    def _make_room(self, newest: str) -> None:
        """Drop what was used least lately until the others, and the newest, fit."""
        held = sum(entry.num_bytes for entry in self._entries.values())
        for key, entry in list(self._entries.items()):
            if held <= self._host_bytes:
                return
            is_settled = entry.tier in (Tier.HOST, Tier.SLOT, Tier.ALONE)
            if key != newest and is_settled and not entry.num_rows:
                held -= entry.num_bytes
                self._drop(key)

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key)
        if entry.slot is not None:
            self._leave_slot(entry)
        _log.debug("memory_dropped", key=key)
