"""Which rows run, and how many tokens of each the next step reads. Knows numbers, and no model.

Documents that wait take turns, each one's oldest question first. A step has one token for each row
that speaks; what is left of its budget reads prompts, the earliest row's first.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple


class QueueFullError(Exception):
    """As many questions wait as may."""


@dataclass(eq=False)
class Task:
    """One question as the scheduler sees it."""

    document_id: str
    room_tokens: int
    """For which it needs room of its own: 0 if a place for any row is enough."""
    num_unread: int
    """Tokens of the prompt that no step has read; 0 while the row speaks."""
    is_held: bool = False
    """Its reader is slower than we are: it gets no token until that has changed."""


class Readiness(Enum):
    """Whether a question has all that it needs to run."""

    READY = auto()
    COMING = auto()
    """It will have it, whatever runs meanwhile."""
    HELD_UP = auto()
    """Those who run have it: it is to be free when some of them have ended."""


class Turn(NamedTuple):
    """What a step does for one row."""

    task: Task
    num_tokens: int


class Scheduler:
    """The rows that run and the questions that wait."""

    def __init__(
        self, *, most_rows: int, step_tokens: int, room_tokens: int, most_waiting: int
    ) -> None:
        """Set the bounds.

        Args:
            most_rows: rows that run at once.
            step_tokens: tokens that a step reads at most; not fewer than rows.
            room_tokens: tokens for which the running rows may have room of their own, together.
            most_waiting: questions that wait at most.
        """
        assert step_tokens >= most_rows, "a step must have a token for each row"
        self._most_rows, self._step_tokens = most_rows, step_tokens
        self._room_tokens, self._most_waiting = room_tokens, most_waiting
        self.running: list[Task] = []
        self._waiting: OrderedDict[str, deque[Task]] = OrderedDict()
        """By document; the one whose turn is next comes first."""
        self._joining: Task | None = None
        """Has all that it needs, and waits for room: it comes before whatever it keeps from having
        that, or both would wait for ever."""

    @property
    def num_waiting(self) -> int:
        """Questions that wait."""
        return sum(map(len, self._waiting.values()))

    def add(self, task: Task) -> None:
        """Let a question wait.

        Raises:
            QueueFullError: too many do.
        """
        if self.num_waiting >= self._most_waiting:
            raise QueueFullError
        self._waiting.setdefault(task.document_id, deque()).append(task)

    def remove(self, task: Task) -> None:
        """Forget a question that ended, or that nobody waits for any more."""
        if task is self._joining:
            self._joining = None
        if task in self.running:
            self.running.remove(task)
            return
        queue = self._waiting[task.document_id]
        queue.remove(task)
        if not queue:
            del self._waiting[task.document_id]

    def admit(self, look_at: Callable[[Task], Readiness]) -> None:
        """Let waiting questions run, as far as there is room.

        `look_at` tells whether all that a question needs is at hand. One for which it is coming is
        passed by. One that is held up, or too large for the room that is left, holds up those
        behind it, or it would wait for ever.
        """
        while self._waiting and len(self.running) < self._most_rows:
            task = self._joining or self._next(look_at)
            if task is None:
                return
            if not self._can_join(task):
                self._joining = task
                return
            self.remove(task)
            if task.document_id in self._waiting:
                self._waiting.move_to_end(task.document_id)  # others' turn now
            self.running.append(task)

    def plan(self) -> list[Turn]:
        """Return what the next step does; nothing if all rows are held, or none runs."""
        awake = [task for task in self.running if not task.is_held]
        turns = [Turn(task, 1) for task in awake if not task.num_unread]
        budget = self._step_tokens - len(turns)
        for task in awake:
            num_tokens = min(task.num_unread, budget)
            if num_tokens:
                turns.append(Turn(task, num_tokens))
                budget -= num_tokens
        return turns

    def _next(self, look_at: Callable[[Task], Readiness]) -> Task | None:
        for queue in self._waiting.values():
            match look_at(queue[0]):
                case Readiness.READY:
                    return queue[0]
                case Readiness.HELD_UP:
                    return None
        return None

    def _can_join(self, task: Task) -> bool:
        if not self.running:
            return True
        taken = sum(each.room_tokens for each in self.running)
        return taken + task.room_tokens <= self._room_tokens
