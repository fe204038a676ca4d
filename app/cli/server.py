"""`lift serve` and its parts alone: `lift api`, `lift worker`, `lift migrate`.

What a command needs is imported inside it: `lift status` must not wait for torch.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import err, fail, out
from app.cli.environment import read_settings
from app.settings import Settings

if TYPE_CHECKING:
    from app.embedded.serving import Api

Host = Annotated[str | None, typer.Option(help="Address to listen on; LIFT_HOST by default.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port, 0 for any free one; LIFT_PORT by default."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="Folder for all that is kept; LIFT_DATA_DIR by default."),
]


def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run everything: API, model, worker and, unless LIFT_BROKER_URL names another, a Valkey."""
    from app.embedded.serving import Told
    from app.embedded.serving import serve as run

    settings = read_settings(host=host, port=port, data_dir=data_dir)
    _require_reader(settings)
    _require_closed(settings)
    told = Told(ready=lambda url, api: _announce(url, api, settings), trouble=_say)
    _say(f"starting with {settings.model}; a first start converts or downloads the model")
    with _clear_endings():
        run(settings, _load_api, told)


def api(host: Host = None, port: Port = None) -> None:
    """Run the API with the model, and nothing else; needs LIFT_BROKER_URL."""
    from app.embedded.api import run_api
    from app.embedded.listening import listening, url_of
    from app.embedded.signals import interrupted_by_signals

    settings = read_settings(host=host, port=port)
    _require_broker(settings)
    _require_closed(settings)
    with (
        _clear_endings(),
        interrupted_by_signals(),
        listening(settings.host, settings.port) as listener,
    ):
        loaded = _load_api(settings)
        run_api(loaded.app, listener, lambda: _announce(url_of(listener), loaded, settings))


def worker() -> None:
    """Run one worker, and nothing else; needs LIFT_BROKER_URL."""
    from app.embedded.worker import worker_command

    settings = read_settings()
    _require_broker(settings)
    _require_reader(settings)
    command = worker_command("INFO")
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


def migrate() -> None:
    """Bring the database to the newest schema."""
    from app.db import migrate as bring_up
    from app.embedded.data_folder import make

    settings = read_settings()
    with _clear_endings():
        if settings.database_url is None:
            make(settings.data_dir)
        bring_up(settings.resolved_database_url)
    _say("the database has the newest schema")


def _load_api(settings: Settings) -> "Api":
    from app.embedded.serving import Api
    from app.main import create_app, load_resident_answerer
    from app.storage import open_store

    open_store(settings)  # a wrong one is told before the model is loaded
    answerer = load_resident_answerer(settings)
    return Api(create_app(settings, lambda _: answerer), answerer.describe())


@contextmanager
def _clear_endings() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    from app.embedded.errors import ServeError
    from app.lift.errors import LiftError
    from app.storage import UnsupportedStoreError

    try:
        yield
    except (ServeError, LiftError, UnsupportedStoreError) as error:
        raise fail(str(error)) from error
    except SQLAlchemyError as error:
        raise fail(f"the database cannot be used: {str(error).splitlines()[0]}") from error
    except KeyboardInterrupt:
        _say("stopped")


def _require_broker(settings: Settings) -> None:
    if settings.broker_url is None:
        raise fail(
            "LIFT_BROKER_URL is not set; set it to the Redis that API and workers share, "
            "or run everything with `lift serve`"
        )


def _require_reader(settings: Settings) -> None:
    if settings.reader and not settings.reader.is_file():
        raise fail(
            f"LIFT_READER names {settings.reader}, which is no file; make a reader with "
            "`lift pretune`, or unset it"
        )


def _require_closed(settings: Settings) -> None:
    from app.own_host import is_loopback

    if not (settings.asks_for_keys or is_loopback(settings.host)):
        raise fail(
            f"whoever reaches {settings.host} could read and delete all: set LIFT_AUTH=keys, and "
            "make a key with `lift keys create NAME`; without keys, listen on 127.0.0.1"
        )


def _announce(url: str, api: "Api", settings: Settings) -> None:
    model = api.model
    where = f"{model['model']} on {model['device']} in {model['dtype']}"
    for line in (
        f"LIFT Server on {url}",
        f"  model  {where}",
        f"  data   {settings.data_dir.resolve()}",
        "  stop   Ctrl-C",
    ):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _say(sentence: str) -> None:
    err.print(f"lift: {sentence}", markup=False, highlight=False, soft_wrap=True)
