"""What one run writes down as it goes: a line for each question and method."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.evaluation.errors import EvaluationError

Key = tuple[str, str, str]
"""Document, question, method."""


@dataclass(frozen=True, slots=True)
class Record:
    """One question answered by one method: a line of `answers.jsonl`."""

    document_id: str
    question_id: str
    method: str
    """The entry's label."""
    task: str
    place: str
    """Where the evidence lies, seen from the truncated context; the same for all methods."""
    question: str
    gold: str
    """The first right answer."""
    log_likelihood: float
    """Of the gold answer, mean per token, in nats."""
    answer: str | None
    """The greedy answer; None if none was asked for."""
    option_log_likelihoods: tuple[float, ...]
    """Of each option, in the question's order."""
    relative_rank: float | None
    """Of the gold answer among the document's answers, 1 the best; None if not asked for."""
    reference_log_likelihood: float | None
    """`unrelated` only: of the gold answer behind the same prompt without the memory."""
    prompt_tokens: int
    context_tokens: int
    """Of the document, in the prompt."""
    memory_of: str | None
    """The document whose memory was read; None also where the question is none of its business."""

    @property
    def key(self) -> Key:
        """What this record is found by."""
        return self.document_id, self.question_id, self.method


class LineFile:
    """A JSONL file that only grows. A last line that was torn by a crash is cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.exists():
            _drop_torn_end(path)

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield what was written, in its order. Raises EvaluationError at a broken line."""
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                yield self._row(number, line)

    def _row(self, number: int, line: str) -> Mapping[str, Any]:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise EvaluationError(
                f"{self._path}, line {number} is no JSON object: restore it, or delete that line "
                "to have it computed again"
            )
        return row

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows to the disk before this returns."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        with self._path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


class RecordFile:
    """`answers.jsonl`: the records so far, by their keys."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = LineFile(path)
        self._records = {record.key: record for record in map(self._record, self._file.rows())}

    def __contains__(self, key: Key) -> bool:
        return key in self._records

    def get(self, key: Key) -> Record | None:
        """Return one record, if it is there."""
        return self._records.get(key)

    def append(self, records: Iterable[Record]) -> None:
        """Keep records, on the disk first."""
        new = list(records)
        self._file.append(asdict(record) for record in new)
        self._records |= {record.key: record for record in new}

    def _record(self, row: Mapping[str, Any]) -> Record:
        try:
            options = tuple(row["option_log_likelihoods"])
            return Record(**{**row, "option_log_likelihoods": options})
        except (TypeError, KeyError) as error:
            raise EvaluationError(
                f"{self._path} was written by another version ({error}): use another folder"
            ) from error


def _drop_torn_end(path: Path) -> None:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
