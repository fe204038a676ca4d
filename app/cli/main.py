"""The command `lift`. Knows the commands' names only."""

import typer

from app.cli import (
    analyse,
    doctor,
    documents,
    evaluation,
    exporting,
    pretune,
    remote,
    server,
    training,
)

app = typer.Typer(
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
    documents.ask,
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
):
    app.command()(command)
app.command("eval")(evaluation.evaluate)
app.command()(pretune.pretune)
app.add_typer(analyse.app, name="analyse")

if __name__ == "__main__":
    app(prog_name="lift")
