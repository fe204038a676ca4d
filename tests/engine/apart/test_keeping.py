"""When an engine's process is started, started again, or not at all."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Thread

import pytest

from app.embedded.child import Child
from app.engine.apart.answering import ApartAnswerer
from app.engine.apart.keeping import Patience
from app.engine.apart.messages import Load, Loaded, NotLoaded
from app.engine.errors import EngineFailedError
from app.lift.errors import BaseModelError
from tests.embedded.test_child import is_gone
from tests.engine.engines import is_running, load_of, start_on_one_core
from tests.waiting import wait_until

_LOADED = Loaded({"model": "none", "dtype": "bfloat16"})


@dataclass
class _Pretended:
    """Processes that say what they are told to, and are gone."""

    says: Callable[[int], Loaded | NotLoaded | None]
    """What the n-th one says; None dies before it says anything."""
    pid: int = 0
    started_at: list[float] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)

    def start(self, descriptor: int) -> "_Pretended":
        self.started_at.append(time.monotonic())
        Thread(target=self._run, args=(os.dup(descriptor),)).start()
        return self

    def exit_status(self) -> int:
        return 1

    def stop(self, grace_seconds: float) -> None:
        """It is gone already."""

    def _run(self, descriptor: int) -> None:
        with Connection(descriptor) as connection:
            self.loads.append(connection.recv())
            if said := self.says(len(self.started_at)):
                connection.send(said)


def test_process_that_hangs_while_it_loads_is_replaced() -> None:
    """It is not waited for longer than for any sign of life."""
    may_end = Event()

    def hang_but_the_first(n: int) -> Loaded | None:
        if n > 1:
            may_end.wait(60)
        return _LOADED if n == 1 else None

    processes = _Pretended(hang_but_the_first)
    patience = Patience(first_pause=0.05, longest_pause=0.1, settled=60.0, silent=0.3)
    engine = ApartAnswerer(processes.start, Load({"dtype": "auto"}, {}), patience)

    wait_until(lambda: len(processes.started_at) >= 4)
    may_end.set()
    engine.close()


def test_pauses_grow_while_starts_fail(capfd: pytest.CaptureFixture[str]) -> None:
    """A model that cannot be loaded any more does not keep a core busy; the log says why."""
    processes = _Pretended(lambda n: _LOADED if n == 1 else NotLoaded("the folder is gone"))
    patience = Patience(first_pause=0.05, longest_pause=0.4, settled=60.0)
    engine = ApartAnswerer(processes.start, Load({"dtype": "auto"}, {}), patience)
    wait_until(lambda: len(processes.started_at) == 6)
    with pytest.raises(EngineFailedError, match="is started again"):
        engine.check_running()
    engine.close()

    gaps = [later - earlier for earlier, later in pairwise(processes.started_at)]
    assert all(gap >= least for gap, least in zip(gaps, [0.05, 0.1, 0.2, 0.4, 0.4], strict=True))
    assert "the folder is gone" in str(capfd.readouterr())


def test_later_processes_take_the_number_format_of_the_first() -> None:
    """Memories and timings stay comparable: it is not timed again."""
    processes = _Pretended(lambda n: _LOADED)
    engine = ApartAnswerer(
        processes.start, Load({"dtype": "auto"}, {}), Patience(first_pause=0.01, longest_pause=0.01)
    )
    wait_until(lambda: len(processes.loads) >= 2)
    engine.close()

    assert [load.base_model["dtype"] for load in processes.loads[:2]] == ["auto", "bfloat16"]


def test_first_process_that_fails_is_the_last() -> None:
    """A server whose model cannot be had does not start, and says why in the model's words."""
    processes = _Pretended(lambda _: NotLoaded("no such model; name another"))
    with pytest.raises(BaseModelError, match=r"^no such model; name another$"):
        ApartAnswerer(processes.start, Load({}, {}))

    assert len(processes.started_at) == 1


def test_first_process_that_dies_without_a_word_is_told() -> None:
    """Its exit status is all that is known of it."""
    processes = _Pretended(lambda _: None)

    with pytest.raises(BaseModelError, match="ended with status 1 while it loaded"):
        ApartAnswerer(processes.start, Load({}, {}))


def test_real_model_that_is_not_there_is_told_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The process says it to us, and prints nothing itself."""
    pids = list[int]()

    def start(descriptor: int) -> Child:
        child = start_on_one_core(descriptor)
        pids.append(child.pid)
        return child

    with pytest.raises(BaseModelError, match="nowhere"):
        ApartAnswerer(start, load_of(tmp_path / "nowhere"))

    assert capfd.readouterr() == ("", "")
    assert all(is_gone(pid) for pid in pids)


def test_process_killed_while_it_loads_is_told(tiny_folder: Path) -> None:
    """As the kernel does to whoever takes too much memory."""

    def start(descriptor: int) -> Child:
        child = start_on_one_core(descriptor)
        os.kill(child.pid, signal.SIGKILL)
        return child

    with pytest.raises(BaseModelError, match="status -9 while it loaded the base model"):
        ApartAnswerer(start, load_of(tiny_folder))


def test_model_that_comes_back_is_loaded() -> None:
    """A start that failed is not the last once there was a first."""
    processes = _Pretended(lambda n: NotLoaded("away") if n in (2, 3) else _LOADED)
    engine = ApartAnswerer(
        processes.start, Load({"dtype": "auto"}, {}), Patience(first_pause=0.01, longest_pause=0.01)
    )
    wait_until(lambda: len(processes.started_at) > 4)
    engine.close()

    assert not is_running(engine)
