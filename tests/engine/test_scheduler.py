"""The scheduler alone: bounds kept, turns taken, nobody forgotten, whatever happens."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.engine.scheduler import QueueFullError, Readiness, Scheduler, Task, Turn

_ROWS, _STEP, _ROOM, _WAITING = 3, 8, 60, 6


def scheduler(**changed: int) -> Scheduler:
    bounds = {"most_rows": 3, "step_tokens": 8, "room_tokens": 60, "most_waiting": 6} | changed
    return Scheduler(**bounds)


def task(document_id: str = "a", *, unread: int = 4, room: int = 10) -> Task:
    return Task(document_id, room, unread)


def _readiness(is_ready: bool) -> Readiness:
    return Readiness.READY if is_ready else Readiness.COMING


def admitted(queue: Scheduler, *waiting: Task, unready: tuple[Task, ...] = ()) -> list[Task]:
    for each in waiting:
        queue.add(each)
    queue.admit(lambda each: _readiness(each not in unready))
    return queue.running


def test_documents_take_turns() -> None:
    """Whoever asks one document much waits behind the first of whoever asks another."""
    queue = scheduler(most_rows=1)
    first, second, third, other = task(), task(), task(), task("b")
    order = []
    admitted(queue, first, second, third, other)
    while queue.running:
        order.append(queue.running[0])
        queue.remove(queue.running[0])
        queue.admit(lambda _: Readiness.READY)

    assert order == [first, other, second, third]


def test_question_that_is_not_ready_is_passed_by() -> None:
    """A memory that is being loaded holds nobody up, and its question keeps its place."""
    queue = scheduler(most_rows=1)
    slow, quick = task("slow"), task("quick")

    assert admitted(queue, slow, quick, unready=(slow,)) == [quick]
    queue.remove(quick)
    assert admitted(queue, task("late")) == [slow]


def test_question_that_is_held_up_holds_up_those_behind_it() -> None:
    """What the running ones have becomes free only if no others take their places."""
    queue = scheduler()
    held_up, later = task("held up"), task("later")
    readiness = {held_up: Readiness.HELD_UP, later: Readiness.READY}
    for each in (held_up, later):
        queue.add(each)
    queue.admit(readiness.__getitem__)
    assert queue.running == []

    readiness[held_up] = Readiness.READY
    queue.admit(readiness.__getitem__)
    assert queue.running == [held_up, later]


def test_question_that_waits_for_room_comes_before_one_that_it_holds_up() -> None:
    """It may have the slot for which that one waits, which must not keep it from running."""
    queue = scheduler()
    running, early, ready = task(room=60), task("early"), task("ready")
    readiness = {running: Readiness.READY, early: Readiness.COMING, ready: Readiness.READY}
    for each in (running, early, ready):
        queue.add(each)
    queue.admit(readiness.__getitem__)
    readiness[early] = Readiness.HELD_UP
    queue.remove(running)
    queue.admit(readiness.__getitem__)

    assert queue.running == [ready]


def test_large_question_is_not_starved() -> None:
    """Small ones do not slip past one for which there is no room yet."""
    queue = scheduler()
    admitted(queue, task("a", room=40), task("b", room=50), task("c", room=10))

    assert [each.document_id for each in queue.running] == ["a"]
    queue.remove(queue.running[0])
    assert [each.document_id for each in admitted(queue)] == ["b", "c"]


def test_question_that_is_larger_than_all_room_runs_by_itself() -> None:
    """It would wait for ever otherwise."""
    queue = scheduler()

    assert len(admitted(queue, task(room=1000), task("b"))) == 1


def test_rows_that_speak_come_before_prompts() -> None:
    """Each speaking row has a token in each step; prompts share the rest, the first one first."""
    queue = scheduler()
    speaking, first, second = task(unread=0), task("b", unread=6), task("c", unread=6)
    admitted(queue, speaking, first, second)

    assert queue.plan() == [Turn(speaking, 1), Turn(first, 6), Turn(second, 1)]


def test_held_row_gets_no_token() -> None:
    """Its reader has to catch up first."""
    queue = scheduler()
    held, other = task(unread=0), task("b", unread=0)
    admitted(queue, held, other)
    held.is_held = True

    assert queue.plan() == [Turn(other, 1)]


def test_full_queue_refuses() -> None:
    """A question more than may wait is refused, and forgotten."""
    queue = scheduler(most_waiting=1)
    queue.add(task())

    with pytest.raises(QueueFullError):
        queue.add(task("b"))
    assert queue.num_waiting == 1


class Schedules(RuleBasedStateMachine):
    """Anything that can happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = scheduler()
        self.alive: list[Task] = []
        self.ready: set[Task] = set()

    @rule(
        document=st.sampled_from("abcd"),
        unread=st.integers(1, 20),
        spoken=st.integers(1, 20),
    )
    def ask(self, document: str, unread: int, spoken: int) -> None:
        asked = Task(document, unread + spoken, unread)
        try:
            self.queue.add(asked)
        except QueueFullError:
            assert self.queue.num_waiting == _WAITING
        else:
            self.alive.append(asked)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def become_ready(self, data: st.DataObject) -> None:
        self.ready.add(data.draw(st.sampled_from(self.alive)))

    @rule()
    def step(self) -> None:
        self.queue.admit(lambda each: _readiness(each in self.ready))
        turns = self.queue.plan()
        assert sum(turn.num_tokens for turn in turns) <= _STEP
        assert len({id(turn.task) for turn in turns}) == len(turns)
        assert bool(turns) == any(not each.is_held for each in self.queue.running)
        for turn in turns:
            turn.task.num_unread = max(0, turn.task.num_unread - turn.num_tokens)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        ended = data.draw(st.sampled_from(self.alive))
        self.alive.remove(ended)
        self.queue.remove(ended)

    @precondition(lambda self: self.queue.running)
    @rule(data=st.data(), is_held=st.booleans())
    def hold(self, data: st.DataObject, is_held: bool) -> None:
        data.draw(st.sampled_from(self.queue.running)).is_held = is_held

    @invariant()
    def bounds_are_kept(self) -> None:
        running = self.queue.running
        assert len(running) <= _ROWS
        assert len(running) == 1 or sum(each.room_tokens for each in running) <= _ROOM
        assert len(running) + self.queue.num_waiting == len(self.alive)

    def teardown(self) -> None:
        """Everybody ends, and nothing is left."""
        self.ready = set(self.alive)
        for _ in range(len(self.alive)):
            self.queue.admit(lambda each: _readiness(each in self.ready))
            assert self.queue.running, "somebody waits although nobody runs"
            self.queue.remove(self.queue.running[0])
        assert not self.queue.running
        assert not self.queue.num_waiting


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
