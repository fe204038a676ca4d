"""The adapter bank: memories on their way from a file to a slot, and back to nothing.

A memory is read from its file by a thread of the bank's own, so that no step waits for it, kept in
main memory, and copied into a slot of the device while somebody wants it. A pinned memory stays in
main memory, so that its answers wait for a copy at most; its slot is taken only if no other is
idle. A memory's key is its file's hash.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from threading import Lock

import structlog

from app.engine.all_slots import Room
from app.engine.bank_counts import BankCounts
from app.engine.bank_threads import BankThreads
from app.engine.holding import Holding
from app.engine.kept import KeptAdapter, Tier
from app.engine.measures import BankMeasures
from app.engine.pins import Pins
from app.engine.slot_turns import SlotTurns
from app.lift.kinds import DocumentMemory
from app.lift.low_rank import LowRankMemory

_log = structlog.get_logger()

Load = Callable[[], DocumentMemory]
"""Reads a memory from its file."""


class Bank:
    """All memories of one engine. Safe to use from many threads."""

    def __init__(self, slots: Room, host_bytes: int, on_change: Callable[[], object]) -> None:
        """Keep memories in `slots`, and up to `host_bytes` of them in main memory.

        `on_change` is called, from any thread, when a memory may have become ready.
        """
        self._slots, self._host_bytes, self._on_change = slots, host_bytes, on_change
        self._holdings: OrderedDict[str, Holding] = OrderedDict()
        """The least lately used first."""
        self._pins = Pins(self._holdings, host_bytes)
        self._counts = BankCounts()
        self._turns = SlotTurns(slots.num_slots, self._holdings, self._pins, self._counts)
        self._lock = Lock()
        self._threads = BankThreads()

    def prepare(self, key: str, document_id: str, load: Load, since: float | None = None) -> Tier:
        """Say where a memory is; one that is nowhere is loaded, once, however many want it.

        It has failed for those who want it `since` before that (`time.perf_counter`; None: from now
        on); who wants it later has it tried again.
        """
        with self._lock:
            return self._want(key, document_id, load, since).tier

    def preload(self, key: str, document_id: str, load: Load) -> None:
        """Have a memory come although no row wants it yet; a failure is tried again at once.

        Raises:
            EngineFailedError: the bank was closed.
        """
        with self._lock:
            self._preload(key, document_id, load)

    def pin(self, key: str, document_id: str, load: Load, most_bytes: int) -> None:
        """Preload a memory, of `most_bytes` at most, and keep it in main memory until `unpin`.

        Raises:
            AdaptersFullError: it does not fit beside what is pinned already.
            EngineFailedError: the bank was closed.
        """
        with self._lock:
            known = self._holdings.get(key, Holding(document_id))
            self._pins.require_room(document_id, known.num_bytes or most_bytes)
            self._preload(key, document_id, load).most_bytes = most_bytes
            self._pins.add(document_id, key)

    def unpin(self, document_id: str) -> None:
        """Let a document's memory leave when others need its place."""
        with self._lock:
            self._pins.end(document_id)

    def acquire(self, key: str) -> tuple[int | None, DocumentMemory | None]:
        """Hold a memory for one row: its slot, or the memory itself if it is in none.

        Raises:
            KeyError: it is not ready; `prepare` first.
        """
        with self._lock:
            held = self._holdings[key]
            if held.tier not in (Tier.SLOT, Tier.DEVICE):
                raise KeyError(key)
            held.num_rows += 1
            self._note_use(key, held)
            return held.slot, held.memory if held.tier is Tier.DEVICE else None

    def has_room_for(self, key: str) -> bool:
        """Say whether a memory that is in no slot may be read beside those that are read now.

        Together they take no more than may be kept; one alone may always be read.
        """
        with self._lock:
            own = self._holdings.get(key)
            read = [
                held.num_bytes
                for held in self._holdings.values()
                if held.tier is Tier.DEVICE and held.num_rows and held is not own
            ]
            return own is None or not read or sum(read) + own.num_bytes <= self._host_bytes

    def release(self, key: str) -> None:
        """Let go of a memory that `acquire` gave."""
        with self._lock:
            held = self._holdings[key]
            held.num_rows -= 1
            self._note_use(key, held)
            if held.is_leaving and not held.num_rows:
                self._drop(key)
        self._on_change()  # somebody may wait for its slot

    def error(self, key: str) -> Exception | None:
        """Return why a memory failed; None if it is tried again, or dropped, since."""
        with self._lock:
            held = self._holdings.get(key)
            return held.error if held else None

    def forget(self, document_id: str) -> None:
        """Drop a document's memories, each once no row reads it, and its pin."""
        with self._lock:
            self._pins.end(document_id)
            for key, held in list(self._holdings.items()):
                if held.document_id == document_id:
                    held.is_leaving = True
                    if held.is_idle:
                        self._drop(key)
        self._on_change()

    @property
    def num_copies(self) -> int:
        """Memories that were copied into a slot so far."""
        return self._counts.num_copied

    def kept(self) -> list[KeptAdapter]:
        """Tell of all memories, the least lately used first."""
        with self._lock:
            return self._kept()

    def measures(self) -> BankMeasures:
        """Tell how many memories are kept where, and how many came and went."""
        with self._lock:
            return self._counts.told(self._kept(), self._slots.num_slots, self._host_bytes)

    def close(self) -> None:
        """End the loading."""
        self._threads.close()

    def _kept(self) -> list[KeptAdapter]:
        told = self._holdings.items()
        return [held.told(key, is_pinned=self._pins.holds(key)) for key, held in told]

    def _preload(self, key: str, document_id: str, load: Load) -> Holding:
        held = self._want(key, document_id, load, None)
        held.is_leaving = False
        return held

    def _want(self, key: str, document_id: str, load: Load, since: float | None) -> Holding:
        held = self._holdings.get(key)
        since = time.perf_counter() if since is None else since
        if held is None or (held.tier is Tier.FAILED and held.failed_at < since):
            held = Holding(document_id)
            self._threads.load(partial(self._guarded, key, held, partial(self._load, load)))
            self._holdings[key] = held
        elif held.tier is Tier.HOST:
            self._settle(key, held)
        self._note_use(key, held)
        self._pins.follow(document_id, key)
        return held

    def _note_use(self, key: str, held: Holding) -> None:
        self._holdings.move_to_end(key)
        held.touch()

    def _guarded(self, key: str, held: Holding, work: Callable[[str, Holding], object]) -> None:
        """Do a thread's work on a memory; what goes wrong is told to whoever waits for it."""
        try:
            work(key, held)
        except Exception as error:  # the thread's edge
            with self._lock:
                self._fail(key, held, error)
        self._on_change()

    def _fail(self, key: str, held: Holding, error: Exception) -> None:
        self._turns.take_back(held)
        held.fail(error)
        self._counts.num_failed += 1
        was_pinned = self._pins.lose(key)
        _log.warning("adapter_failed", sha256=key, error=str(error), was_pinned=was_pinned)
        if held.is_leaving:
            self._drop(key)

    def _load(self, load: Load, key: str, held: Holding) -> None:
        began = time.perf_counter()
        memory = load()
        if isinstance(memory, LowRankMemory):
            memory = memory.folded()
        fitting = self._slots.fitting(memory)
        with self._lock:
            self._counts.load_seconds.add(time.perf_counter() - began)
            held.arrive(memory if fitting else memory.to(self._slots.device), fitting)
            if self._pins.are_too_many and self._pins.lose(key):
                _log.warning("adapter_unpinned", sha256=key, num_bytes=held.num_bytes)
            self._settle(key, held)
            self._make_room(key)

    def _settle(self, key: str, held: Holding) -> None:
        """Go on with a memory that has come: to a slot if one can be had, away if it is unwanted.

        The copy is made by a thread; until it is, the slot is nobody else's.
        """
        if held.is_leaving and not held.num_rows:
            self._drop(key)
        elif held.tier is Tier.HOST and self._turns.give(held):
            self._threads.copy(partial(self._guarded, key, held, self._copy))

    def _copy(self, key: str, held: Holding) -> None:
        assert held.memory is not None
        assert held.slot is not None
        self._slots.write(held.slot, held.memory)
        with self._lock:
            self._counts.num_copied += 1
            held.tier = Tier.SLOT
            if held.is_leaving:
                self._drop(key)

    def _make_room(self, newest: str) -> None:
        """Drop what was used least lately until the others, the pinned and the newest, fit."""
        taken = sum(held.num_bytes for held in self._holdings.values())
        for key, held in list(self._holdings.items()):
            if taken <= self._host_bytes:
                return
            if key != newest and held.is_idle and held.num_bytes and not self._pins.holds(key):
                taken -= held.num_bytes
                self._counts.num_evicted += 1
                self._drop(key)

    def _drop(self, key: str) -> None:
        held = self._holdings.pop(key)
        self._turns.take_back(held)
        self._pins.lose(key)
        _log.debug("memory_dropped", key=key)
