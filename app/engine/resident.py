"""The resident base model, answering one question at a time with the asked document's memory.

A swap plugs another memory in for one answer; the base model's weights are never touched. What was
read for the documents that were asked last stays at hand.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from statistics import fmean
from threading import Event, Lock
from typing import Generic, TypeVar

from app.engine.answerer import (
    AdapterFile,
    Ask,
    EngineFailedError,
    Piece,
    QuestionTooLongError,
    Reply,
    UnusableAdapterError,
)
from app.lift.adapter import read_adapter
from app.lift.base_model import BaseModel
from app.lift.errors import AdapterError
from app.lift.generation import Step, decode
from app.lift.kinds import DocumentMemory
from app.lift.memory import GateTrace
from app.lift.prompts import Prompt, answering_context, question_prompt

_KEPT_DOCUMENTS = 16

Value = TypeVar("Value")
_Versioned = tuple[str, DocumentMemory]
"""An adapter's hash and its memory."""


class ResidentAnswerer:
    """An `Answerer` that owns one base model; calls from many threads are taken in turn."""

    def __init__(self, base: BaseModel) -> None:
        self._base = base
        self._turn = Lock()
        self._closing = Event()
        self._memories: _Recent[_Versioned] = _Recent(_KEPT_DOCUMENTS)
        self._tokens: _Recent[list[int]] = _Recent(_KEPT_DOCUMENTS)

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        """Answer greedily over the truncated document, with its memory if `ask` names one.

        Raises:
            QuestionTooLongError: the question leaves no room in the window.
            UnusableAdapterError: the adapter file is damaged or of another base model.
            EngineFailedError: the model failed, or `close` was called meanwhile.
        """
        with self._at_hand(ask), self._turn:
            try:
                reply = self._answer(ask)
            except RuntimeError as error:  # torch's own: most often, no memory is left
                self._memories.clear()
                raise EngineFailedError(f"the model failed: {error}; ask again") from error
        yield Piece(reply.text, reply.memory_share)
        yield reply

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

    def _answer(self, ask: Ask) -> Reply:
        self._require_open()
        started = time.perf_counter()
        memory = self._memory(ask.document_id, ask.adapter) if ask.adapter else None
        prompt = self._prompt(ask)
        swapped = first_token = time.perf_counter()
        steps: list[Step] = []
        with self._plugged(memory) as trace:
            for step in decode(self._base, [prompt.ids], trace=trace):
                self._require_open()
                first_token = first_token if steps else time.perf_counter()
                steps.append(step)
                if self._is_last(steps, prompt, ask.max_tokens):
                    break
        return self._reply(steps, prompt, started, swapped, first_token)

    def _require_open(self) -> None:
        if self._closing.is_set():
            raise EngineFailedError("the server is stopping; ask again when it is back")

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

    def _prompt(self, ask: Ask) -> Prompt:
        bare = question_prompt(self._base, (), ask.question)
        room = ask.method.window_tokens - len(bare.ids)
        if room <= 0:
            raise QuestionTooLongError(
                f"the question takes {len(bare.ids)} tokens with its frame, and the window of this "
                f"document's settings holds {ask.method.window_tokens}: ask a shorter question"
            )
        tokens = self._tokens.get(ask.document_id, lambda: self._base.tokenize(ask.read_text()))
        budget = min(ask.method.context_tokens, room)
        context = answering_context(self._base, tokens, budget)
        return question_prompt(self._base, context, ask.question)

    def _plugged(self, memory: DocumentMemory | None) -> AbstractContextManager[GateTrace | None]:
        return nullcontext() if memory is None else self._base.plugged(memory)

    def _is_last(self, steps: list[Step], prompt: Prompt, max_tokens: int) -> bool:
        room = self._base.max_positions - len(prompt.ids)
        return steps[-1].tokens[0] in self._base.stop_ids or len(steps) >= min(max_tokens, room)

    def _reply(
        self, steps: list[Step], prompt: Prompt, started: float, swapped: float, first_token: float
    ) -> Reply:
        stopped = steps[-1].tokens[0] in self._base.stop_ids
        said = [step.tokens[0] for step in (steps[:-1] if stopped else steps)]
        shares = [step.memory_shares[0] for step in steps if step.memory_shares]
        return Reply(
            text=self._base.tokenizer.decode(said, skip_special_tokens=True).strip(),
            memory_share=fmean(shares) if shares else None,
            finish_reason="stop" if stopped else "length",
            prompt_tokens=len(prompt.ids),
            completion_tokens=len(said),
            swap_seconds=swapped - started,
            first_token_seconds=first_token - started,
            total_seconds=time.perf_counter() - started,
        )


class _Recent(Generic[Value]):
    """Keeps what was made last for each of some documents.

    `get` is called by one thread at a time; `drop` may come from any, and never waits for `make`.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._changing = Lock()
        self._drops = 0
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, document_id: str, make: Callable[[], Value]) -> Value:
        """Return the kept value, or make and keep it; what `make` raises is not kept."""
        with self._changing:
            kept, drops = self._values.pop(document_id, None), self._drops
        value = make() if kept is None else kept
        with self._changing:
            if drops == self._drops:  # else this document may be gone
                self._values[document_id] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        return value

    def __contains__(self, document_id: str) -> bool:
        """Say whether a value is kept."""
        with self._changing:
            return document_id in self._values

    def drop(self, document_id: str) -> None:
        """Forget a document's value, also one that is being made."""
        with self._changing:
            self._drops += 1
            self._values.pop(document_id, None)

    def clear(self) -> None:
        """Forget all values."""
        with self._changing:
            self._values.clear()
