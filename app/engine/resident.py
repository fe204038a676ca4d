"""The resident base model, answering one question at a time with the asked document's memory.

A swap plugs another memory in for one answer; the base model's weights are never touched. Memories
and tokenised documents that were used last stay in memory.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import fmean
from threading import Lock
from typing import Generic, Self, TypeVar

from app.engine.answerer import (
    Ask,
    QuestionTooLongError,
    Reply,
    UnusableAdapterError,
)
from app.lift.adapter import read_adapter
from app.lift.base_model import BaseModel, load_base_model
from app.lift.errors import AdapterError
from app.lift.generation import Step, decode
from app.lift.memory import GatedMemory, GateTrace
from app.lift.prompts import Prompt, answering_context, question_prompt

_KEPT_MEMORIES = 16
_KEPT_DOCUMENTS = 64

Value = TypeVar("Value")


class ResidentAnswerer:
    """An `Answerer` that owns one base model; calls from many threads are taken in turn."""

    def __init__(self, base: BaseModel) -> None:
        self._base = base
        self._turn = Lock()
        self._memories: _Recent[GatedMemory] = _Recent(_KEPT_MEMORIES)
        self._tokens: _Recent[list[int]] = _Recent(_KEPT_DOCUMENTS)

    @classmethod
    def load(cls, *, model: str, cache_dir: Path, device: str, dtype: str) -> Self:
        """Load the base model; see `load_base_model` for the arguments and errors."""
        return cls(load_base_model(model, cache_dir, device, dtype))

    def answer(self, ask: Ask) -> Reply:
        """Answer greedily over the truncated document, with its memory if `ask` names one.

        Raises:
            QuestionTooLongError: the question leaves no room in the window.
            UnusableAdapterError: the adapter file is damaged or of another base model.
        """
        with self._turn:
            started = time.perf_counter()
            memory = self._memory(ask)
            swapped = time.perf_counter()
            prompt = self._prompt(ask)
            steps: list[Step] = []
            first_token = swapped
            with self._plugged(memory) as trace:
                for step in decode(self._base, [prompt.ids], trace=trace):
                    first_token = time.perf_counter() if not steps else first_token
                    steps.append(step)
                    if self._is_last(steps, prompt, ask.max_tokens):
                        break
            return self._reply(steps, prompt, started, swapped, first_token)

    def forget(self, document_id: str) -> None:
        """Drop the document's tokens; its memory leaves with time, as nobody can ask for it."""
        self._tokens.drop(document_id)

    def describe(self) -> dict[str, str]:
        """Name the base model, its fingerprint, device and dtype."""
        return {
            "model": self._base.name,
            "fingerprint": self._base.fingerprint,
            "device": str(self._base.device),
            "dtype": str(self._base.dtype).removeprefix("torch."),
        }

    def _memory(self, ask: Ask) -> GatedMemory | None:
        adapter = ask.adapter
        if adapter is None:
            return None
        try:
            return self._memories.get(
                adapter.sha256, lambda: read_adapter(adapter.path, self._base, adapter.sha256)
            )
        except AdapterError as error:
            raise UnusableAdapterError(str(error)) from error

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

    def _plugged(self, memory: GatedMemory | None) -> AbstractContextManager[GateTrace | None]:
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
    """Keeps the values that were asked for last, up to a number of them.

    `get` is called by one thread at a time; `drop` may come from any, and never waits for `make`.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._changing = Lock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the kept value, or make and keep it; what `make` raises is not kept."""
        with self._changing:
            kept = self._values.pop(key, None)
        value = make() if kept is None else kept
        with self._changing:
            self._values[key] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        return value

    def drop(self, key: Hashable) -> None:
        """Forget a value, if it is kept."""
        with self._changing:
            self._values.pop(key, None)
