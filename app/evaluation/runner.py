"""A whole run: every method on every document, less what the run's folder already holds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.evaluation.bench import Bench
from app.evaluation.corpus import Document, Question
from app.evaluation.measuring import Pass, measure
from app.evaluation.methods import Entry, Whose
from app.evaluation.run_folder import RunFolder
from app.evaluation.shelf import Shelf
from app.evaluation.shown import Place
from app.lift.base_model import Pluggable
from app.lift.errors import LiftError
from app.lift.observer import Observer


class Watcher(Protocol):
    """Hears of a run as it happens."""

    def pass_started(self, document_id: str, label: str, num_questions: int) -> None:
        """A method begins with a document; so many questions are not measured yet."""
        ...

    def training_started(self, document_id: str, label: str) -> Observer:
        """A memory has to be trained; the observer hears of that."""
        ...

    def progressed(self, num_questions: int) -> None:
        """So many more questions are measured, and kept."""
        ...

    def pass_ended(self, seconds: float, failure: str | None) -> None:
        """The method is through with the document, or cannot be run on it."""
        ...

    def judged(self) -> None:
        """The judge has given one more verdict."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A method that could not be run on a document."""

    document_id: str
    label: str
    reason: str


def run_bench(bench: Bench, folder: RunFolder, watcher: Watcher) -> list[Failure]:
    """Measure all that is missing; return what could not be measured, and why.

    Every batch of questions and every memory is kept as soon as it is there.
    """
    shelf = Shelf(folder.adapters, bench.base, bench.reader)
    failures: list[Failure] = []
    for document in bench.documents:
        places = bench.places(document)
        for entry in bench.entries:
            if not (missing := _missing(bench, folder, document, entry)):
                continue
            watcher.pass_started(document.document_id, entry.label, len(missing))
            started, reason = time.perf_counter(), None
            try:
                run = _prepare(bench, shelf, document, entry, places, watcher)
                for records in measure(run, missing):
                    folder.records.append(records)
                    watcher.progressed(len(records))
            except LiftError as error:  # this method's alone: the others go on
                reason = str(error)
                failures.append(Failure(document.document_id, entry.label, reason))
            watcher.pass_ended(time.perf_counter() - started, reason)
    return failures


def _missing(bench: Bench, folder: RunFolder, document: Document, entry: Entry) -> list[Question]:
    return [
        question
        for question in bench.questions(document, entry)
        if (document.document_id, question.question_id, entry.label) not in folder.records
    ]


def _prepare(
    bench: Bench,
    shelf: Shelf,
    document: Document,
    entry: Entry,
    places: Mapping[str, Place],
    watcher: Watcher,
) -> Pass:
    """Open the document and fetch the memory, trained if it has to be."""
    whose = entry.method.memory
    learnt = bench.other_document(document) if whose is Whose.OTHER else document
    memory: Pluggable | None = None
    if whose is not Whose.NOBODY:
        memory = shelf.memory(
            learnt,
            bench.config(entry, learnt),
            bench.preset_of(learnt),
            lambda: watcher.training_started(learnt.document_id, entry.label),
        )
    return Pass(
        bench.open(document, entry),
        entry,
        memory,
        learnt if memory else None,
        places,
        bench.wanted_of(entry),
    )
