"""What one run compares: base model, documents, methods, settings. Values and rules, no work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from app.evaluation.contexts import OpenDocument
from app.evaluation.corpus import Document, Question
from app.evaluation.equal_tokens import with_as_many_tokens
from app.evaluation.errors import EvaluationError
from app.evaluation.measuring import Wanted
from app.evaluation.methods import Entry, Whose, settle
from app.evaluation.shown import Place, ShownPart
from app.evaluation.unrelated import unrelated_questions
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.files import file_sha256


@dataclass(frozen=True, slots=True)
class Bench:
    """What is run, on which base model and with which settings.

    Raises EvaluationError at construction if the settings are unknown, contradict each other, or
    cannot be run on these documents and this base model.
    """

    base: BaseModel
    documents: Sequence[Document]
    """Each with its questions."""
    entries: Sequence[Entry]
    preset: str
    options: Mapping[str, Any]
    """Settings laid over the preset for all entries."""
    wanted: Wanted
    presets_by_task: Mapping[str, str] = field(default_factory=dict)
    """Presets of documents all of whose questions are of one task; `preset` is the others'."""
    reader: Path | None = None
    """File of a reader that memories start from."""
    _stretched: dict[tuple[str, str], MethodConfig] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for preset in self.presets:
            self._require_room(settle("the run", preset, self.options))
            for entry in self.entries:
                self._require_room(entry.config(preset, self.options))
        if any(e.method.memory is Whose.OTHER for e in self.entries) and len(self.documents) < 2:
            raise EvaluationError(
                "lift-wrong-document plugs in another document's memory: take two documents or more"
            )

    @property
    def presets(self) -> list[str]:
        """All presets that documents are run with."""
        return sorted(set(map(self.preset_of, self.documents)))

    def preset_of(self, document: Document) -> str:
        """Return the preset that holds for a document."""
        tasks = {question.task for question in document.questions}
        return (
            self.presets_by_task.get(tasks.pop(), self.preset) if len(tasks) == 1 else self.preset
        )

    def config(self, entry: Entry, document: Document) -> MethodConfig:
        """Return the settings of an entry on a document."""
        preset = self.preset_of(document)
        method = entry.config(preset, self.options)
        if not entry.method.has_lift_tokens:
            return method
        key = document.document_id, entry.label
        if key not in self._stretched:
            lift = entry.yardstick().config(preset, self.options)
            self._stretched[key] = with_as_many_tokens(self.base, document.text, method, lift)
        return self._stretched[key]

    def open(self, document: Document, entry: Entry) -> OpenDocument:
        """Return the document as an entry reads it."""
        return OpenDocument(
            self.base, document, self.config(entry, document), self.wanted.max_answer_tokens
        )

    def questions(self, document: Document, entry: Entry) -> list[Question]:
        """Return what an entry is asked on a document: what fits its window."""
        is_unrelated = entry.method.is_unrelated
        asked = unrelated_questions(document) if is_unrelated else document.questions
        opened = self.open(document, entry)
        return [each for each in asked if opened.fits(each.question)]

    def wanted_of(self, entry: Entry) -> Wanted:
        """Return what is measured of an entry's questions; of unrelated ones, likelihoods only."""
        if entry.method.is_unrelated:
            return replace(self.wanted, answers=False, ranks=False)
        return self.wanted

    def places(self, document: Document) -> dict[str, Place]:
        """Return where the evidence of each question lies, by the questions' ids."""
        method = settle("the run", self.preset_of(document), self.options)
        shown = ShownPart.of(self.base, document.text, method.context_tokens)
        return {each.question_id: shown.place(each) for each in document.questions}

    def other_document(self, document: Document) -> Document:
        """Return the next document of another kind, else the next; behind the last is the first."""
        place = self.documents.index(document)
        later = [*self.documents[place + 1 :], *self.documents[:place]]
        return next((each for each in later if each.kind != document.kind), later[0])

    def settings(self) -> dict[str, Any]:
        """Return all that a number depends on besides documents and methods, as JSON."""
        return {
            "base_model": self.base.name,
            "base_fingerprint": self.base.fingerprint,
            "base_dtype": str(self.base.dtype).removeprefix("torch."),
            "reader": file_sha256(self.reader) if self.reader else None,
            "wanted": asdict(self.wanted),
            "method": {
                preset: asdict(settle("the run", preset, self.options)) for preset in self.presets
            },
        }

    def _require_room(self, method: MethodConfig) -> None:
        if method.window_tokens > self.base.max_positions:
            raise EvaluationError(
                f"the window of {method.window_tokens} tokens is more than the base model "
                f"{self.base.name!r} reads, {self.base.max_positions}: choose another preset, or "
                "--option window_tokens=… and --option context_tokens=…"
            )
