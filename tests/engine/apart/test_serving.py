"""The process's side by itself, with an engine that needs no model."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import pytest

from app.engine.answerer import Ask, Piece
from app.engine.apart.messages import Alive, Asked, Called, Loaded, Refused, sendable
from app.engine.apart.serving import Serving
from app.engine.batching import BatchingAnswerer
from app.engine.errors import EngineFailedError
from app.lift.config import MethodConfig
from app.logs import configure_logging
from tests.fakes import FakeAnswerer

_SECRET = "the treasure lies under the stairs"


@contextmanager
def serving(answerer: FakeAnswerer) -> Iterator[tuple[Connection, Any]]:
    """Serve a fake engine; gives our end of its connection, and how it ended."""
    ours, theirs = (Connection(end.detach()) for end in socket.socketpair())
    with ours, theirs, ThreadPoolExecutor(1) as threads:
        ended = threads.submit(Serving(theirs, answerer).run)
        assert ours.recv() == Loaded(answerer.describe())
        yield ours, ended
        ours.close()


def heard(connection: Connection) -> Any:
    """Return the next message that says more than that the engine is alive."""
    while isinstance(message := connection.recv(), Alive):
        pass
    return message


def test_engine_without_its_thread_ends_the_process() -> None:
    """It is started again then, instead of letting everybody wait."""
    answerer = FakeAnswerer()
    with serving(answerer) as (_, ended):
        answerer.is_running = False
        with pytest.raises(EngineFailedError, match="it sleeps"):
            ended.result(20)


def test_engine_whose_thread_has_ended_says_so(answerer: BatchingAnswerer) -> None:
    """The real one, too."""
    answerer.check_running()
    answerer.close()

    with pytest.raises(EngineFailedError, match="thread is gone"):
        answerer.check_running()


def test_end_of_the_other_side_is_the_end() -> None:
    """Whoever has nobody to answer to ends without a word."""
    with serving(FakeAnswerer()) as (connection, ended):
        connection.close()

        assert ended.result(20) is None


def test_unforeseen_trouble_is_refused_without_its_words(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whoever asked hears that it failed; neither they nor the log hear what of."""
    configure_logging()
    answerer = FakeAnswerer()
    answerer.error = ValueError(_SECRET)
    ask = Ask("Who?", "doc", str, MethodConfig(), None, 1)
    with serving(answerer) as (connection, _):
        connection.send(Asked(1, sendable(ask)))
        of_ask = heard(connection)
        connection.send(Called(2, "no_such_method", ()))
        of_call = heard(connection)

    for refused in (of_ask, of_call):
        assert isinstance(refused, Refused)
        assert isinstance(refused.error, EngineFailedError)
        assert "its log says why" in str(refused.error)
    log = capfd.readouterr().err
    assert log.count('"engine_refused"') == 2
    assert _SECRET not in log


def test_engine_gives_signs_of_life() -> None:
    """Also while nobody asks anything."""
    with serving(FakeAnswerer()) as (connection, _):
        assert [connection.recv() for _ in range(2)] == [Alive(), Alive()]


def test_reader_who_takes_nothing_is_sent_a_few_pieces_only() -> None:
    """The engine's thread waits for room instead of filling the other side's memory."""

    class Endless(FakeAnswerer):
        num_said = 0

        def stream(self, ask: Ask) -> Iterator[Piece]:  # type: ignore[override]
            while ask.is_wanted():
                self.num_said += 1
                yield Piece("bla", None)

    answerer, ask = Endless(), Ask("Who?", "doc", str, MethodConfig(), None, 1)
    with serving(answerer) as (connection, _):
        connection.send(Asked(1, sendable(ask)))
        for _ in range(64):
            heard(connection)
        assert not any(not isinstance(connection.recv(), Alive) for _ in range(2))

    assert answerer.num_said == 65
