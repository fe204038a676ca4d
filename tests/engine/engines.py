"""Engines in processes of their own, over a tiny model that they load from a folder."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.embedded.child import Child
from app.embedded.engine import start_engine
from app.engine.answerer import Answerer
from app.engine.apart.answering import ApartAnswerer
from app.engine.apart.keeping import Patience
from app.engine.apart.messages import Load
from app.engine.batching import BatchingAnswerer
from tests.tiny import save_tiny_model
from tests.waiting import wait_until

QUICKLY = Patience(first_pause=0.05, longest_pause=1.0, settled=1.0, silent=60.0)
_START_SECONDS = 120.0
Starting = Callable[..., ApartAnswerer]


def start_on_one_core(descriptor: int) -> Child:
    """Start an engine's process; more threads only get into each other's way on a tiny model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        return start_engine(descriptor)


def load_of(folder: Path, **limits: Any) -> Load:
    """Return what an engine is told to load."""
    model = {"source": str(folder), "cache_dir": folder, "device": "cpu", "dtype": "float32"}
    return Load(model, limits)


def is_running(engine: Answerer) -> bool:
    """Return whether an engine says that it is."""
    try:
        engine.check_running()
    except Exception:
        return False
    return True


def wait_until_running(engine: Answerer) -> None:
    """Wait for a process that is started again."""
    wait_until(lambda: is_running(engine), _START_SECONDS)


def cpu_seconds(engine: ApartAnswerer) -> float:
    """Return for how long an engine's process has computed."""
    times = psutil.Process(engine.pid).cpu_times()
    return times.user + times.system


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny llama."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_tiny_model(folder)
    return folder


@pytest.fixture(scope="session")
def shared_apart(tiny_folder: Path) -> Iterator[ApartAnswerer]:
    """One engine in a process of its own, for tests that leave it as it was."""
    with closing(ApartAnswerer(start_on_one_core, load_of(tiny_folder), QUICKLY)) as engine:
        yield engine


@pytest.fixture
def apart(shared_apart: ApartAnswerer) -> Iterator[ApartAnswerer]:
    """An engine in a process of its own that has kept nothing."""
    yield shared_apart
    for document_id in {"doc", *(kept.document_id for kept in shared_apart.kept_adapters())}:
        shared_apart.forget(document_id)


@pytest.fixture(params=["inline", "process"])
def any_answerer(request: pytest.FixtureRequest) -> Answerer:
    """An engine that has kept nothing, in this process and in one of its own."""
    fixture = {"inline": "answerer", "process": "apart"}[request.param]
    answerer: BatchingAnswerer | ApartAnswerer = request.getfixturevalue(fixture)
    return answerer


@pytest.fixture
def start_apart(tiny_folder: Path) -> Iterator[Starting]:
    """Start engines in processes of their own; they are closed at the end."""
    engines = list[ApartAnswerer]()

    def start(patience: Patience = QUICKLY, **limits: Any) -> ApartAnswerer:
        engines.append(ApartAnswerer(start_on_one_core, load_of(tiny_folder, **limits), patience))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()
