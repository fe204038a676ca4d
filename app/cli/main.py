"""The command `lift`. Knows the commands' names, and that they are for people: few logs."""

import typer

from app.cli import (
    analyse,
    asking,
    backups,
    doctor,
    documents,
    evaluation,
    exporting,
    keys,
    pretune,
    remote,
    server,
    training,
)
from app.logs import configure_logging


def _log_trouble_only() -> None:
    configure_logging("warning")  # the servers among the commands set up their own


app = typer.Typer(
    callback=_log_trouble_only,
    help=(
        "LIFT Server: memorise long documents, ask them. "
        "`lift serve` runs the server; the other commands talk to one."
    ),
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)
for command in (
    server.serve,
    documents.upload,
    asking.ask,
    training.status,
    training.cancel,
    training.retry,
    training.relift,
    exporting.export,
    remote.tune_remote,
    remote.ask_remote,
    server.api,
    server.worker,
    server.migrate,
    doctor.doctor,
    backups.backup,
    backups.restore,
):
    app.command()(command)
app.command("eval")(evaluation.evaluate)
app.command()(pretune.pretune)
app.add_typer(analyse.app, name="analyse")
app.add_typer(keys.app, name="keys")

if __name__ == "__main__":
    app(prog_name="lift")
