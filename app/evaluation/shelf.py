"""The memories of one run: trained when first needed, then read from the run's folder.

A memory stands under a key of all that decides it, so that no setting and no text ever meets
another's. It appears in one step, with the record of its training: a crash leaves no half of it.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.evaluation.corpus import Document
from app.evaluation.pair_book import BookKeeper, PairBook, deciding_settings
from app.lift.adapter import read_adapter, write_adapter
from app.lift.base_model import BaseModel, Pluggable
from app.lift.config import MethodConfig
from app.lift.files import file_sha256, sync, write_whole
from app.lift.observer import Observer
from app.lift.pipeline import lift_document
from app.lift.reader import load_reader


@dataclass(frozen=True, slots=True)
class Training:
    """What one memory's training took."""

    document_id: str
    memory_kind: str
    seconds: float
    """With the question/answer pairs' synthesis, also where another method had them written; of
    the attempt that came through."""
    num_tokens: int
    """Of the document."""
    tokens_processed: int
    """That went through the model in training."""
    num_qa_pairs: int
    num_trained_parameters: int
    losses: tuple[float, ...]
    """Of each optimiser step."""


class Shelf:
    """Trained memories under a folder, for one base model."""

    def __init__(self, folder: Path, base: BaseModel, reader: Path | None = None) -> None:
        """Keep memories in `folder`; `reader` is the file of one that trainings start from."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._base = base
        self._reader = reader
        self._reader_sha256 = file_sha256(reader) if reader else None

    def memory(
        self,
        document: Document,
        method: MethodConfig,
        preset: str,
        observer: Callable[[], Observer],
    ) -> Pluggable:
        """Return the document's memory; train it first if it is not there, told to `observer`.

        Raises:
            LiftError: it cannot be trained with these settings, or its file is damaged.
        """
        path = self._path(document, method)
        if not path.is_file():
            self._train(document, method, preset, observer())
        return read_adapter(path, self._base)

    def training(self, document: Document, method: MethodConfig) -> Training | None:
        """Return what the training of a memory took; None if the memory is not there."""
        path = self._path(document, method)
        if not path.is_file():
            return None
        row: dict[str, Any] = json.loads(path.with_suffix(".json").read_text("utf-8"))
        return Training(**{**row, "losses": tuple(row["losses"])})

    def _train(
        self, document: Document, method: MethodConfig, preset: str, observer: Observer
    ) -> None:
        book = PairBook(self._pairs_path(document, method))
        started = time.perf_counter() - book.seconds
        reader = load_reader(self._reader, self._base, method) if self._reader else None
        lifted = lift_document(
            document.text, self._base, method, BookKeeper(book, observer), reader, book.earlier
        )
        seconds = time.perf_counter() - started
        path = self._path(document, method)
        unfinished = path.with_suffix(".part")
        info = write_adapter(
            unfinished,
            lifted,
            document_sha256=_sha256(document.text),
            preset=preset,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        training = Training(
            document_id=document.document_id,
            memory_kind=method.memory_kind,
            seconds=round(seconds, 1),
            num_tokens=lifted.num_tokens,
            tokens_processed=lifted.tokens_processed,
            num_qa_pairs=lifted.num_qa_pairs,
            num_trained_parameters=int(info.metadata["num_trained_parameters"]),
            losses=tuple(round(loss, 4) for loss in lifted.losses),
        )
        write_whole(path.with_suffix(".json"), json.dumps(asdict(training)))
        os.replace(unfinished, path)
        sync(path.parent)

    def _path(self, document: Document, method: MethodConfig) -> Path:
        settings = asdict(method)
        del settings["least_relatedness"]  # which only asking heeds
        started_from = [self._reader_sha256] if self._reader else []
        key = self._key(document, settings, *started_from)
        return self._folder / f"{key}.safetensors"

    def _pairs_path(self, document: Document, method: MethodConfig) -> Path:
        return self._folder / f"pairs-{self._key(document, deciding_settings(method))}.jsonl"

    def _key(self, document: Document, settings: dict[str, Any], *others: str | None) -> str:
        base = self._base
        decides = [_sha256(document.text), settings, base.fingerprint, str(base.dtype), *others]
        return _sha256(json.dumps(decides))[:24]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
