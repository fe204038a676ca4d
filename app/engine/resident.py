"""The resident base model, answering one question at a time with the asked document's memory.

A swap plugs another memory in for one answer; the base model's weights are never touched. What was
read for the documents that were asked last stays at hand.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event, Lock

from app.engine.answerer import (
    AdapterFile,
    Ask,
    EngineFailedError,
    Piece,
    Reply,
    UnusableAdapterError,
)
from app.engine.prompting import Shown, show
from app.engine.recent import Recent
from app.engine.saying import Saying
from app.lift.adapter import read_adapter
from app.lift.base_model import BaseModel
from app.lift.errors import AdapterError
from app.lift.generation import decode
from app.lift.kinds import DocumentMemory
from app.lift.memory import GateTrace

_KEPT_DOCUMENTS = 16
_LOOK_SECONDS = 0.2

_Versioned = tuple[str, DocumentMemory]
"""An adapter's hash and its memory."""


class ResidentAnswerer:
    """An `Answerer` that owns one base model; calls from many threads are taken in turn."""

    def __init__(self, base: BaseModel) -> None:
        self._base = base
        self._turn = Lock()
        self._closing = Event()
        self._memories: Recent[_Versioned] = Recent(_KEPT_DOCUMENTS)
        self._tokens: Recent[list[int]] = Recent(_KEPT_DOCUMENTS)

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        """Answer piece by piece, with the document's memory if `ask` names one; see `Answerer`.

        Raises:
            QuestionTooLongError: question and history leave no room in the window.
            UnusableAdapterError: the adapter file is damaged or of another base model.
            EngineFailedError: the model failed, or `close` was called meanwhile.
        """
        with self._at_hand(ask), self._taking_turns(ask):
            try:
                yield from self._answer(ask)
            except RuntimeError as error:  # torch's own: most often, no memory is left
                self._memories.clear()
                raise EngineFailedError(f"the model failed: {error}; ask again") from error

    def forget(self, document_id: str) -> None:
        """Drop the document's tokens and its memory, without waiting for a running answer."""
        self._tokens.drop(document_id)
        self._memories.drop(document_id)

    def close(self) -> None:
        """End the answers under way within a token, and refuse all further ones."""
        self._closing.set()

    def describe(self) -> dict[str, str]:
        """Name the base model, its fingerprint, device, dtype and quantization."""
        return {
            "model": self._base.name,
            "fingerprint": self._base.fingerprint,
            "device": str(self._base.device),
            "dtype": str(self._base.dtype).removeprefix("torch."),
            "quantization": self._base.quantization,
        }

    @contextmanager
    def _taking_turns(self, ask: Ask) -> Iterator[None]:
        while not self._turn.acquire(timeout=_LOOK_SECONDS):
            self._require_use(ask)
        try:
            self._require_use(ask)
            yield
        finally:
            self._turn.release()

    def _require_use(self, ask: Ask) -> None:
        if self._closing.is_set():
            raise EngineFailedError("the server is stopping; ask again when it is back")
        if not ask.is_wanted():
            raise EngineFailedError("nobody waits for the answer any more")

    def _answer(self, ask: Ask) -> Iterator[Piece | Reply]:
        started = time.perf_counter()
        memory = self._memory(ask.document_id, ask.adapter) if ask.adapter else None
        shown = self._show(ask)
        saying = Saying(ask, self._base, shown.prompt)
        swapped = first_token = time.perf_counter()
        with self._plugged(memory) as trace:
            for step in decode(self._base, [shown.prompt.ids], saying.choose, trace):
                self._require_use(ask)
                first_token = first_token if saying.num_steps else time.perf_counter()
                yield from saying.hear(step)
                if saying.finish_reason:
                    break
        yield saying.reply(
            num_dropped_turns=shown.num_dropped_turns,
            swap_seconds=swapped - started,
            first_token_seconds=first_token - started,
            total_seconds=time.perf_counter() - started,
        )

    def _show(self, ask: Ask) -> Shown:
        def read_tokens() -> list[int]:
            return self._tokens.get(ask.document_id, lambda: self._base.tokenize(ask.read_text()))

        return show(self._base, ask, read_tokens)

    def _at_hand(self, ask: Ask) -> AbstractContextManager[object]:
        """Bring the adapter's file here before the turn comes: nobody waits for its way."""
        if ask.adapter is None or ask.document_id in self._memories:
            return nullcontext()
        return ask.adapter.fetch()

    def _memory(self, document_id: str, adapter: AdapterFile) -> DocumentMemory:
        def load() -> _Versioned:
            with adapter.fetch() as path:
                return adapter.sha256, read_adapter(path, self._base, adapter.sha256)

        try:
            sha256, memory = self._memories.get(document_id, load)
            if sha256 != adapter.sha256:  # the document was trained anew
                self._memories.drop(document_id)
                _, memory = self._memories.get(document_id, load)
        except AdapterError as error:
            raise UnusableAdapterError(str(error)) from error
        return memory

    def _plugged(self, memory: DocumentMemory | None) -> AbstractContextManager[GateTrace | None]:
        return nullcontext() if memory is None else self._base.plugged(memory)
