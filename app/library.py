"""The texts of documents that were asked last, ready to be searched.

Passages are cut and ranked once for many questions. Safe to share between threads.
"""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from app import contents
from app.ingest.outline import Outline
from app.lift.passages import PASSAGE_CHARACTERS, cut_passages
from app.lift.retrieval import PassageRanking
from app.storage import Store, outline_key

_KEPT_CHARACTERS = 32_000_000
"""Of all texts together, which take ten bytes a character with their indexes."""


@dataclass(frozen=True, slots=True)
class IndexedText:
    """A document's text with its passages and its outline."""

    text: str
    ranking: PassageRanking
    outline: Outline | None


@dataclass(slots=True)
class _Place:
    making: Lock = field(default_factory=Lock)
    value: IndexedText | None = None

    @property
    def num_characters(self) -> int:
        return len(self.value.text) if self.value else 0


class Library:
    """Reads a document's text once, and keeps what was used last."""

    def __init__(self, store: Store, kept_characters: int = _KEPT_CHARACTERS) -> None:
        self._store, self._kept_characters = store, kept_characters
        self._changing = Lock()
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def get(self, document_id: str) -> IndexedText:
        """Return the text of a document that was parsed.

        Others who want the same wait; those who want another do not.

        Raises:
            DocumentNotFoundError: it was deleted.
            StoreError: the store cannot be reached.
        """
        with self._changing:
            place = self._places.setdefault(document_id, _Place())
            self._places.move_to_end(document_id)
        try:
            with place.making:
                value = place.value = place.value or self._read(document_id)
        except Exception:
            self.forget(document_id)
            raise
        self._make_room()
        return value

    def forget(self, document_id: str) -> None:
        """Keep nothing of a document; unknown ids do nothing."""
        with self._changing:
            self._places.pop(document_id, None)

    def _read(self, document_id: str) -> IndexedText:
        text = contents.read_text(self._store, document_id)
        passages = cut_passages(text, len, *PASSAGE_CHARACTERS)
        return IndexedText(text, PassageRanking(list(passages)), self._outline(document_id))

    def _outline(self, document_id: str) -> Outline | None:
        with suppress(FileNotFoundError, ValueError):  # of older documents, or damaged
            return Outline.from_json(self._store.read(outline_key(document_id)))
        return None

    def _make_room(self) -> None:
        with self._changing:
            num_characters = sum(place.num_characters for place in self._places.values())
            while num_characters > self._kept_characters and len(self._places) > 1:
                _, oldest = self._places.popitem(last=False)
                num_characters -= oldest.num_characters
