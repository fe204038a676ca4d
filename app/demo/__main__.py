"""`python -m app.demo`: serve, upload, watch, ask, measure, report."""

import io
import sys
import tempfile
import time
from pathlib import Path

import typer
from rich.console import Console

from app.cli.environment import read_settings
from app.cli.lifting import show_lifting
from app.client import Client
from app.client_replies import ClientError
from app.client_views import Document
from app.demo.measuring import ask_all, measure
from app.demo.report import report
from app.demo.server import ServerError, log_tail, running_server
from app.embedded.signals import interrupted_by_signals
from app.lift.presets import resolve_method
from app.samples import Sample, load_sample
from app.settings import Settings

_SAMPLE = "osmerrow"
_PRESET = "quick"
"""The one that two cores carry out within minutes."""
_NUM_QUESTIONS = 10
_PLAIN_WIDTH = 150
"""Width of the table where there is no terminal to ask, in characters."""


class DemoError(Exception):
    """The server could not memorise the document."""


def main() -> int:
    """Run the demo; 0 if it ran through, however well the memory did."""
    console = _console()
    started = time.monotonic()
    with interrupted_by_signals(), tempfile.TemporaryDirectory(prefix="lift-demo-") as name:
        try:
            demonstrate(console, Path(name), read_settings())
        except (DemoError, ServerError, ClientError) as error:
            console.print(f"The demo broke: {error}", markup=False, highlight=False)
            console.print(log_tail(Path(name)), markup=False, highlight=False)
            return 1
        except typer.Exit as error:
            return error.exit_code
        except KeyboardInterrupt:
            console.print("Stopped.")
            return 130
    console.print(f"Total time: {time.monotonic() - started:.0f} seconds.", highlight=False)
    return 0


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_PLAIN_WIDTH)


def demonstrate(console: Console, folder: Path, settings: Settings) -> None:
    """Do what the demo does, with all its data in `folder`."""
    sample = load_sample(_SAMPLE)
    console.print(f"Starting lift serve with {settings.model} …", highlight=False)
    with running_server(folder, settings) as server, Client(server.url) as client:
        console.print(f"Server on {server.url}. Uploading “{sample.title}”.", highlight=False)
        started = time.monotonic()
        document = _lift(client, sample, console)
        lift_seconds = time.monotonic() - started
        console.print(f"Asking {_NUM_QUESTIONS} questions, without memory and with it.")
        asked = ask_all(client, document.id, sample.questions[:_NUM_QUESTIONS], console)
    console.print("Measuring how likely the expected answers are.")
    adapter = _adapter(folder, document.id)
    rows = measure(sample, asked, adapter, resolve_method(_PRESET, {}), settings)
    report(console, document, rows, lift_seconds)


def _lift(client: Client, sample: Sample, console: Console) -> Document:
    content = io.BytesIO(sample.text.encode())
    document_id = client.upload(content, f"{_SAMPLE}.md", title=sample.title, preset=_PRESET)
    document = show_lifting(console, client.follow(document_id))
    if document.status != "ready":
        raise DemoError(document.error.detail if document.error else document.status)
    return document


def _adapter(folder: Path, document_id: str) -> Path:
    return next((folder / "store" / "documents" / document_id / "adapters").glob("*.safetensors"))


if __name__ == "__main__":
    sys.exit(main())
