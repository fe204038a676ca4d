"""`lift export`: a document's training examples, for services that tune models of their own."""

import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from app.cli.connecting import connected
from app.cli.console import err, fail
from app.cli.environment import read_settings
from app.client_views import Document
from app.remote_tuning.errors import TrainingFileError
from app.remote_tuning.training_file import MAX_EXAMPLE_BYTES, Example, write_training_file

MaxExampleBytes = Annotated[
    int, typer.Option(min=1, help="Longest example that the service does not cut off, in bytes.")
]


class Format(StrEnum):
    """What the examples are written as."""

    OPENAI = "openai"


class Material(NamedTuple):
    """What a document gives a model that is tuned elsewhere."""

    examples: list[Example]
    context: str
    """The truncated document, as every question shows it."""
    request: str
    """What follows the context, with `{question}` where the question goes."""


def export(
    document_id: Annotated[str, typer.Argument(metavar="ID", show_default=False)],
    format: Annotated[Format, typer.Option(help="Chat-format JSON lines.")] = Format.OPENAI,  # noqa: ARG001  one so far
    out: Annotated[Path | None, typer.Option(help="File; the standard output by default.")] = None,
    max_example_bytes: MaxExampleBytes = MAX_EXAMPLE_BYTES,
    url: Annotated[str | None, typer.Option(help="The server; LIFT_URL by default.")] = None,
) -> None:
    """Write a document's training examples: its recitations and its question/answer pairs."""
    material = read_material(document_id, url)
    with tempfile.TemporaryDirectory() as folder:
        path = out or Path(folder) / "examples.jsonl"
        try:
            written = write_training_file(path, material.examples, max_example_bytes)
        except TrainingFileError as error:
            raise fail(str(error)) from error
        except OSError as error:
            raise fail(f"cannot write {path}: {error.strerror}") from error
        if out is None:
            with path.open() as file:
                shutil.copyfileobj(file, sys.stdout)
    err.print(
        f"{written.num_examples} training examples, {written.size_bytes:,} bytes", highlight=False
    )


def read_material(document_id: str, url: str | None) -> Material:
    """Read a document from the server and make its training examples, as its training does."""
    # Imported here: it loads a tokenizer, which takes seconds.
    from app.lift.config import MethodConfig
    from app.lift.errors import BaseModelError
    from app.lift.observer import QAPair
    from app.lift.texts import text_examples, text_question
    from app.lift.tokenizing import load_tokenizer

    settings = read_settings()
    with connected(url) as client:
        document = client.get(document_id)
        _require_settled(document)
        text, pairs = client.text(document_id), client.qa_pairs(document_id)
    try:
        method = MethodConfig(**document.method)
        speaker = load_tokenizer(settings.model, settings.model_cache_dir)
    except BaseModelError as error:
        raise fail(str(error)) from error
    except (TypeError, ValueError) as error:
        raise fail(
            f"the server's settings are of another version than this command's: {error}"
        ) from error
    _require_same_tokens(document, len(speaker.tokenize(text)), settings.model)
    trained = [
        QAPair(each.question, each.answer, each.evidence, each.start)
        for each in pairs
        if not each.is_held_back
    ]
    examples: list[Example] = list(text_examples(speaker, text, trained, method))
    return Material(examples, *text_question(speaker, text, method))


def _require_settled(document: Document) -> None:
    if not document.is_settled:
        raise fail(
            "the document's question/answer pairs are still being written: its status is "
            f"{document.status}; look again with `lift status {document.id}`"
        )
    if not document.method:
        raise fail("the server is too old: it does not tell the document's settings")


def _require_same_tokens(document: Document, num_tokens: int, model: str) -> None:
    if document.num_tokens not in (None, num_tokens):
        raise fail(
            f"the server's base model reads the document as {document.num_tokens} tokens, and "
            f"{model!r} as {num_tokens}: set LIFT_MODEL as the server has it"
        )
