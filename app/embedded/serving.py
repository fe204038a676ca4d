"""Everything in one command: broker, database, model, worker and API, until one asks it to stop.

What is started last is stopped first; each part stands in the `with` that ends it.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

from fastapi import FastAPI

from app.db import migrate
from app.embedded.api import run_api
from app.embedded.data_folder import owned
from app.embedded.errors import ServeError
from app.embedded.listening import listening, url_of
from app.embedded.signals import interrupted_by_signals
from app.embedded.valkey import Valkey, running_valkey
from app.embedded.worker import Worker, exit_status, worker_command
from app.settings import Settings

_WORKER_END_SECONDS = 10.0  # beyond what its training is given to be saved


class Api(NamedTuple):
    """The API with its resident model."""

    app: FastAPI
    model: Mapping[str, str]
    """What the model says of itself: name, device, dtype."""


class Told(NamedTuple):
    """Who hears of what."""

    ready: Callable[[str, Api], None]
    """The server answers at this URL."""
    trouble: Callable[[str], None]
    """A sentence about a part that failed and is started again."""


def serve(settings: Settings, load_api: Callable[[Settings], Api], told: Told) -> None:
    """Run the whole server until Ctrl-C or SIGTERM, which raise `KeyboardInterrupt` here.

    The model is loaded before the worker starts: one that cannot be had ends the start, and two
    processes never convert it at once.

    Raises:
        ServeError: a part cannot be started, or Valkey died.
    """
    with (
        interrupted_by_signals(),
        listening(settings.host, settings.port) as listener,
        owned(settings.data_dir),
        _broker(settings) as valkey,
    ):
        settings = _located(settings, valkey)
        migrate(settings.resolved_database_url)
        api = load_api(settings)
        settings = settings.model_copy(update={"dtype": api.model["dtype"]})  # one timing for both
        with _running_worker(settings, told.trouble) as worker:
            url = url_of(listener)
            run_api(api.app, listener, lambda: told.ready(url, api), _watch(worker, valkey))


def _broker(settings: Settings) -> AbstractContextManager[Valkey | None]:
    if settings.broker_url:
        return nullcontext()
    return running_valkey(settings.data_dir / "valkey")


def _located(settings: Settings, valkey: Valkey | None) -> Settings:
    found = {"data_dir": settings.data_dir.resolve()}
    return settings.model_copy(update=found | ({"broker_url": valkey.url} if valkey else {}))


@contextmanager
def _running_worker(settings: Settings, say: Callable[[str], None]) -> Iterator[Worker]:
    stop_seconds = settings.grace_seconds + _WORKER_END_SECONDS
    worker = Worker(worker_command("WARNING"), _environment(settings), say, stop_seconds)
    try:
        yield worker
    finally:
        worker.stop()


def _environment(settings: Settings) -> dict[str, str]:
    assert settings.broker_url
    return {
        **os.environ,
        "LIFT_DATA_DIR": str(settings.data_dir),
        "LIFT_BROKER_URL": settings.broker_url,
        "LIFT_DTYPE": settings.dtype,
    }


async def _watch(worker: Worker, valkey: Valkey | None) -> None:
    guards = [worker.keep_running()]
    if valkey:
        guards.append(_valkey_lost(valkey))
    await asyncio.gather(*guards)


async def _valkey_lost(valkey: Valkey) -> None:
    status = await exit_status(valkey.child)
    raise ServeError(f"the embedded Valkey ended with status {status}; its log is {valkey.log}")
