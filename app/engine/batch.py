"""The batch: one thread that owns the model, and all rows that share its forward passes.

A step takes what has come in, lets ready questions join, reads a part of each row in one pass, and
hands the new tokens on. Rows leave by their end, or because nobody wants them any more.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from app.engine.answerer import EngineBusyError, EngineFailedError, Tier
from app.engine.attention import spans_of
from app.engine.bank import Bank
from app.engine.keys_values import Pool, Prefix
from app.engine.packed import PackedModel, Passed
from app.engine.prefixes import Prefixes
from app.engine.row import Row
from app.engine.scheduler import QueueFullError, Scheduler, Task, Turn
from app.engine.slots import Slots
from app.lift.base_model import Pluggable
from app.lift.kinds import DocumentMemory

_LOOK_SECONDS = 0.1
_log = structlog.get_logger()

Loader = Callable[[Row], DocumentMemory]
"""Reads a row's memory from its file."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a batch works with."""

    model: PackedModel
    scheduler: Scheduler
    slots: Slots
    bank: Bank
    prefixes: Prefixes
    pool: Pool
    load: Loader


class Batch:
    """The rows of one model."""

    def __init__(self, parts: Parts, changed: threading.Condition, answer_seconds: float) -> None:
        """Make a batch; `changed` is notified whenever there may be something to do."""
        self._parts, self._changed, self._answer_seconds = parts, changed, answer_seconds
        self._rows: dict[Task, Row] = {}
        self._readers: dict[str, Row] = {}
        """By prefix: the row that reads it for all who wait for it."""
        self._failed: dict[Row, Exception] = {}
        self._dropped: deque[Row] = deque()
        self._forgotten: deque[str] = deque()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="batch", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    @property
    def num_rows(self) -> int:
        """Questions that wait or are being answered."""
        return len(self._rows)

    def add(self, row: Row) -> None:
        """Let a question wait for its turn.

        Raises:
            EngineBusyError: too many wait.
            EngineFailedError: the engine stops.
        """
        with self._changed:
            if self._is_closing:
                raise EngineFailedError("the server is stopping; ask again when it is back")
            try:
                self._parts.scheduler.add(row.task)
            except QueueFullError as error:
                raise EngineBusyError from error
            self._rows[row.task] = row
            self._changed.notify_all()

    def drop(self, row: Row) -> None:
        """End a row, within a step, that nobody wants any more; one that has ended is left."""
        with self._changed:
            self._dropped.append(row)
            self._changed.notify_all()

    def forget(self, document_id: str) -> None:
        """Drop what was read of a document, within a step."""
        with self._changed:
            self._forgotten.append(document_id)
            self._changed.notify_all()

    def close(self) -> None:
        """End all rows, and the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closing:
            try:
                if turns := self._wait_for_turns():
                    self._step(turns)
            except Exception:
                # The thread's edge: nobody may wait for a thread that is gone.
                _log.exception("batch_failed")
                self._end_all("the engine failed; ask again")
        self._end_all("the server is stopping; ask again later")

    def _wait_for_turns(self) -> Sequence[Turn]:
        with self._changed:
            turns = self._next_turns()
            if not turns and not self._is_closing:
                self._changed.wait(_LOOK_SECONDS if self._rows else None)
        return turns

    def _next_turns(self) -> Sequence[Turn]:
        while self._dropped:
            self._end(self._dropped.popleft())
        while self._forgotten:
            self._forget(self._forgotten.popleft())
        self._end_late()
        self._parts.scheduler.admit(self._is_ready)
        while self._failed:
            self._end(*self._failed.popitem())
        for task in self._parts.scheduler.running:
            self._rows[task].look_after_reader()
        return self._parts.scheduler.plan()

    def _forget(self, document_id: str) -> None:
        self._parts.prefixes.forget(document_id)
        for row in self._rows.values():
            if row.ask.document_id == document_id and self._readers.get(row.prefix_key) is row:
                del self._readers[row.prefix_key]  # what it reads is kept for nobody

    def _end_late(self) -> None:
        latest = time.perf_counter() - self._answer_seconds
        for row in [row for row in self._rows.values() if row.asked_at < latest]:
            self._end(row, EngineFailedError("the answer took too long; ask for fewer tokens"))

    def _is_ready(self, task: Task) -> bool:
        """Hold all that a question needs, if it is at hand; else have it come."""
        row = self._rows[task]
        if row.is_ready or row in self._failed:
            return row.is_ready
        if not self._has_memory(row):
            return False
        prefix = self._parts.prefixes.get(row.prefix_key)
        reader = self._readers.setdefault(row.prefix_key, row) if prefix is None else row
        if reader is not row:  # somebody reads it for us already
            return False
        return self._hold(row, prefix)

    def _has_memory(self, row: Row) -> bool:
        if row.memory_key is None:
            return True
        tier = self._parts.bank.prepare(
            row.memory_key, row.ask.document_id, partial(self._parts.load, row)
        )
        if tier is Tier.FAILED and (error := self._parts.bank.take_error(row.memory_key)):
            self._failed[row] = error
        return tier in (Tier.SLOT, Tier.ALONE)

    def _hold(self, row: Row, prefix: Prefix | None) -> bool:
        if row.memory_key:
            try:
                row.slot, row.alone = self._parts.bank.acquire(row.memory_key)
            except KeyError:  # it had to leave a moment ago
                return False
            row.task.alone = row.memory_key if row.alone else None
        row.become_ready(prefix)
        return True

    def _step(self, turns: Sequence[Turn]) -> None:
        rows = [self._rows[turn.task] for turn in turns]
        try:
            passed = self._pass(rows, turns)
        except Exception as error:
            # Whatever it is, and most often no memory is left: all who took part are told.
            _log.exception("step_failed", num_rows=len(rows))
            self._parts.prefixes.clear()
            for row in rows:
                self._end(row, _failure(error))
            return
        for place, (row, turn) in enumerate(zip(rows, turns, strict=True)):
            self._hear(row, turn, passed, place)

    def _hear(self, row: Row, turn: Turn, passed: Passed, place: int) -> None:
        try:
            if not passed.is_finite[place]:
                raise ArithmeticError("it gave no numbers")
            speaks = row.read(turn.num_tokens)
            self._share_prefix(row)
            if speaks and row.say(passed.logits[place : place + 1], _share_of(passed, row, place)):
                self._end(row)
        except Exception as error:
            # One row's trouble, such as a memory that says no numbers, is no other's.
            _log.exception("row_failed", document_id=row.ask.document_id)
            self._end(row, _failure(error))

    def _pass(self, rows: Sequence[Row], turns: Sequence[Turn]) -> Passed:
        pool = self._parts.pool
        parts = [row.part(turn.num_tokens, pool) for row, turn in zip(rows, turns, strict=True)]
        memory: Pluggable | None = rows[0].alone
        if memory is None and any(part.slot is not None for part in parts):
            memory = self._parts.slots.reading(spans_of(parts))
        return self._parts.model.forward(parts, memory)

    def _share_prefix(self, row: Row) -> None:
        """Keep the prefix that this row has read, as soon as it has, for all that wait for it."""
        num_tokens = len(row.shown.prompt.prefix)
        if self._readers.get(row.prefix_key) is row and row.num_read >= num_tokens:
            del self._readers[row.prefix_key]
            self._parts.prefixes.put(row.prefix_key, row.snapshot(num_tokens), row.ask.document_id)

    def _end(self, row: Row, error: Exception | None = None) -> None:
        """Let a row go, and all that it held."""
        with self._changed:
            if self._rows.pop(row.task, None) is None:
                return
            self._parts.scheduler.remove(row.task)
        if self._readers.get(row.prefix_key) is row:
            del self._readers[row.prefix_key]
        if row.is_ready and row.memory_key:
            self._parts.bank.release(row.memory_key)
        row.let_go(is_sound=error is None)
        if error:
            row.told.put(error)

    def _end_all(self, reason: str) -> None:
        with self._changed:
            for row in list(self._rows.values()):
                self._end(row, EngineFailedError(reason))


def _failure(error: Exception) -> EngineFailedError:
    return EngineFailedError(f"the model failed: {error}; ask again")


def _share_of(passed: Passed, row: Row, place: int) -> float | None:
    if passed.shares is None or row.memory_key is None:
        return None
    return passed.shares[place]
