"""The batch: one thread that owns the model, and all rows that share its forward passes.

A step takes what has come in, lets ready questions join, reads a part of each row in one pass, and
hands the new tokens on. Rows leave by their end, or because nobody wants them any more.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from app.engine.all_slots import AllSlots
from app.engine.errors import EngineBusyError, EngineFailedError
from app.engine.keys_values import Pool
from app.engine.measures import SECONDS, TOKENS, BatchMeasures, Tally
from app.engine.memories import reading_of
from app.engine.needs import Needs
from app.engine.packed import PackedModel, Passed
from app.engine.recorded.steps import RecordedSteps
from app.engine.row import Row
from app.engine.scheduler import QueueFullError, Readiness, Scheduler, Task, Turn
from app.lift.memory import GatedMemory

_LOOK_SECONDS, _CLOSING_SECONDS = 0.1, 30.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a batch works with."""

    model: PackedModel
    recorded: RecordedSteps | None
    scheduler: Scheduler
    slots: AllSlots
    needs: Needs
    pool: Pool


class Batch:
    """The rows of one model."""

    def __init__(self, parts: Parts, changed: threading.Condition, answer_seconds: float) -> None:
        """Make a batch; `changed` is notified whenever there may be something to do."""
        self._parts, self._changed, self._answer_seconds = parts, changed, answer_seconds
        self._rows: dict[Task, Row] = {}
        self._dropped: deque[Row] = deque()
        self._forgotten: deque[str] = deque()
        self._is_closing = False
        self._step_began: float | None = None
        self._step_seconds, self._step_tokens = Tally(SECONDS), Tally(TOKENS)
        self._thread = threading.Thread(target=self._run, name="batch", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def check_running(self) -> None:
        """Look whether the thread does its work.

        Raises:
            EngineFailedError: it is gone, or in one step for longer than an answer may take.
        """
        if not self._thread.is_alive():
            raise EngineFailedError("the engine's thread is gone; start the server again")
        began = self._step_began
        if began is not None and time.perf_counter() - began > self._answer_seconds:
            raise EngineFailedError("the model does not come back; start the server again")

    @property
    def num_rows(self) -> int:
        """Questions that wait or are being answered."""
        return len(self._rows)

    def measures(self) -> BatchMeasures:
        """Tell who runs and waits, and what the steps took."""
        with self._changed:
            running, waiting = len(self._parts.scheduler.running), self._parts.scheduler.num_waiting
        steps = self._step_seconds.told(), self._step_tokens.told()
        return BatchMeasures(running, waiting, *steps)

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
        self._thread.join(_CLOSING_SECONDS)  # a pass may never end, and ends with the process

    def _run(self) -> None:
        while not self._is_closing:
            try:
                if turns := self._wait_for_turns():
                    self._step_began = time.perf_counter()
                    self._step(turns)
                    self._step_seconds.add(time.perf_counter() - self._step_began)
                    self._step_tokens.add(sum(turn.num_tokens for turn in turns))
            except Exception:
                # The thread's edge: nobody may wait for a thread that is gone.
                _log.exception("batch_failed")
                self._end_all("the engine failed; ask again")
            finally:
                self._step_began = None
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
            self._parts.needs.forget(self._forgotten.popleft(), self._rows.values())
        self._end_late()
        self._parts.scheduler.admit(self._readiness)
        for row, error in self._parts.needs.take_failed():
            self._end(row, error)
        for task in self._parts.scheduler.running:
            self._rows[task].look_after_reader()
        return self._parts.scheduler.plan()

    def _end_late(self) -> None:
        latest = time.perf_counter() - self._answer_seconds
        for row in [row for row in self._rows.values() if row.asked_at < latest]:
            self._end(row, EngineFailedError("the answer took too long; ask for fewer tokens"))
        for row in [self._rows[task] for task in self._parts.scheduler.running]:
            if row.is_unread():
                self._end(row, EngineFailedError("nobody read the answer for a minute; ask again"))

    def _readiness(self, task: Task) -> Readiness:
        return self._parts.needs.look_at(self._rows[task])

    def _step(self, turns: Sequence[Turn]) -> None:
        rows = [self._rows[turn.task] for turn in turns]
        try:
            passed = self._pass(rows, turns)
        except Exception as error:
            # Whatever it is, and most often no memory is left: all who took part are told.
            _log.exception("step_failed", num_rows=len(rows))
            self._parts.needs.clear()
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
            self._parts.needs.share_prefix(row)
            if speaks and row.say(
                passed.logits[place : place + 1], self._share(passed, row, place)
            ):
                self._end(row)
        except Exception as error:
            # One row's trouble, such as a memory that says no numbers, is no other's.
            _log.exception("row_failed", document_id=row.ask.document_id)
            self._end(row, _failure(error))

    def _share(self, passed: Passed, row: Row, place: int) -> float | None:
        if passed.shares is None or not self._has_gate(row):
            return None
        return passed.shares[place]

    def _has_gate(self, row: Row) -> bool:
        if row.slot is None:
            return isinstance(row.own, GatedMemory)
        return self._parts.slots.is_gated(row.slot)

    def _pass(self, rows: Sequence[Row], turns: Sequence[Turn]) -> Passed:
        pool = self._parts.pool
        parts = [row.part(turn.num_tokens, pool) for row, turn in zip(rows, turns, strict=True)]
        if self._parts.recorded and (passed := self._parts.recorded.forward(parts)):
            return passed
        return self._parts.model.forward(parts, reading_of(parts, self._parts.slots))

    def _end(self, row: Row, error: Exception | None = None) -> None:
        """Let a row go, and all that it held."""
        with self._changed:
            if self._rows.pop(row.task, None) is None:
                return
            self._parts.scheduler.remove(row.task)
        self._parts.needs.let_go(row)
        row.let_go(is_sound=error is None)
        if error:
            row.told.put(error)

    def _end_all(self, reason: str) -> None:
        with self._changed:
            for row in list(self._rows.values()):
                self._end(row, EngineFailedError(reason))


def _failure(error: Exception) -> EngineFailedError:
    return EngineFailedError(f"the model failed: {error}; ask again")
