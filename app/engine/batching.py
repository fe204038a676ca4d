"""The engine: one resident base model that answers questions on many documents in one batch."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from queue import Empty
from typing import Any

import torch

from app.engine.all_slots import slots_for
from app.engine.answerer import AdapterFile, Ask, Piece, Reply
from app.engine.bank import Bank
from app.engine.batch import Batch, Parts
from app.engine.device_memory import device_memory
from app.engine.errors import EngineFailedError, UnusableAdapterError
from app.engine.kept import KeptAdapter
from app.engine.keys_values import Pool
from app.engine.measures import EngineMeasures
from app.engine.needs import Needs
from app.engine.packed import PackedModel
from app.engine.paged import PAGE_TOKENS
from app.engine.prefixes import Prefixes
from app.engine.prompting import Shown, show, shows_text
from app.engine.recorded.cuda import CudaRecorder
from app.engine.recorded.steps import RecordedSteps
from app.engine.row import Row, Told
from app.engine.scheduler import Scheduler
from app.engine.slots import Slots
from app.engine.texts import Texts
from app.lift.adapter import most_memory_bytes, read_adapter
from app.lift.base_model import BaseModel
from app.lift.errors import AdapterError
from app.lift.kinds import DocumentMemory

_LOOK_SECONDS = 0.2
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """How much one engine may take."""

    rows: int = 16
    """Answers in the making at once."""
    step_tokens: int = 256
    """Tokens that one forward pass reads at most."""
    waiting: int = 256
    """Questions that wait at most."""
    slot_bytes: int = 512 * _MIB
    """For the Gated Memories that rows can read at once."""
    low_rank_slot_bytes: int = 640 * _MIB
    """For the low-rank ones, if there is room for `rows` of them; else each is read by itself."""
    host_bytes: int = 2048 * _MIB
    """For the memories that were read from their files."""
    row_bytes: int = 4096 * _MIB
    """For the keys and values of all running rows: half of it is a place for each, half is for rows
    that are too long for a place."""
    prefix_bytes: int = 2048 * _MIB
    """For the prefixes that are kept on the device, and as much behind them in main memory."""
    answer_seconds: float = 600.0
    """Longest time that an answer may take, waiting included."""


class BatchingAnswerer:
    """An `Answerer` that owns one base model; questions from many threads share its passes."""

    def __init__(self, base: BaseModel, limits: EngineLimits | None = None) -> None:
        limits = limits or EngineLimits()
        self._base, self._started_at = base, time.time()
        self._texts = Texts(base.tokenizer)
        self._tokenizing = threading.Lock()
        changed = threading.Condition()
        slots = slots_for(base, limits.slot_bytes, limits.low_rank_slot_bytes, limits.rows)

        def wake() -> None:
            with changed:
                changed.notify_all()

        self.bank = Bank(slots, limits.host_bytes, wake)
        host_bytes = 0 if base.device.type == "cpu" else limits.prefix_bytes
        self._prefixes = Prefixes(base.device, limits.prefix_bytes, host_bytes)
        half_tokens = limits.row_bytes // 2 // _token_bytes(base)
        self.pool = Pool(limits.rows, _place_tokens(base, half_tokens // limits.rows))
        self._needs = Needs(self.bank, self._prefixes, self._load)
        parts = Parts(
            model=PackedModel(base),
            recorded=_recorded(base, self.pool, slots.gated),
            scheduler=Scheduler(
                most_rows=limits.rows,
                step_tokens=max(limits.step_tokens, limits.rows),
                room_tokens=half_tokens,
                most_waiting=limits.waiting,
            ),
            slots=slots,
            needs=self._needs,
            pool=self.pool,
        )
        self._batch = Batch(parts, changed, limits.answer_seconds)
        self._batch.start()

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        """Answer piece by piece, with the document's memory if `ask` names one; see `Answerer`.

        Raises:
            QuestionTooLongError: question and history leave no room in the window.
            UnusableAdapterError: the adapter file is damaged or of another base model.
            EngineBusyError: too many questions wait.
            EngineFailedError: the model failed, or `close` was called meanwhile.
        """
        row = Row.of(ask, self._base, self._show(ask), self.pool.place_tokens)
        self._batch.add(row)
        try:
            yield from self._told(row)
        finally:
            self._batch.drop(row)

    def forget(self, document_id: str) -> None:
        """Drop the document's tokens, prefixes and memories, without waiting for its answers."""
        self._texts.drop(document_id)
        self._batch.forget(document_id)
        self.bank.forget(document_id)

    def kept_adapters(self) -> list[KeptAdapter]:
        """Tell of all adapters that are held, on their way or failed; least lately used first."""
        return self.bank.kept()

    def preload(self, document_id: str, adapter: AdapterFile) -> None:
        """Begin to bring an adapter to where answers read it; see `Answerer`."""
        self.bank.preload(adapter.sha256, document_id, partial(self._read, adapter))

    def pin(self, document_id: str, adapter: AdapterFile) -> None:
        """Preload an adapter and keep it in main memory until it is unpinned; see `Answerer`.

        Raises:
            AdaptersFullError: it does not fit into main memory beside what is pinned already.
        """
        most_bytes = most_memory_bytes(adapter.size_bytes, self._base)
        read = partial(self._read, adapter)
        self.bank.pin(adapter.sha256, document_id, read, most_bytes)

    def unpin(self, document_id: str) -> None:
        """End a document's pin."""
        self.bank.unpin(document_id)

    def evict(self, document_id: str) -> None:
        """Drop all that is kept of a document that is asked again later, as `forget` does."""
        self.forget(document_id)

    def close(self) -> None:
        """End the answers under way within a token, and refuse all further ones."""
        self._batch.close()
        self.bank.close()

    @property
    def num_rows(self) -> int:
        """Questions that wait or are being answered."""
        return self._batch.num_rows

    @property
    def prefix_bytes(self) -> int:
        """What the kept prefixes take."""
        return self._prefixes.num_bytes

    def check_running(self) -> None:
        """Raise `EngineFailedError` if the thread that owns the model is gone or stuck."""
        self._batch.check_running()

    def measures(self) -> EngineMeasures:
        """Tell what the engine has counted of its own work."""
        return EngineMeasures(
            started_at=self._started_at,
            batch=self._batch.measures(),
            prefixes=self._needs.measures(),
            bank=self.bank.measures(),
            device=device_memory(self._base.device),
        )

    def describe(self) -> dict[str, str]:
        """Name the base model, its fingerprint, device, dtype and quantization."""
        return {
            "model": self._base.name,
            "fingerprint": self._base.fingerprint,
            "device": str(self._base.device),
            "dtype": str(self._base.dtype).removeprefix("torch."),
            "quantization": self._base.quantization,
        }

    def _told(self, row: Row) -> Iterator[Piece | Reply]:
        told: Told | None = None
        while not isinstance(told, Reply):
            if not row.ask.is_wanted():
                raise EngineFailedError("nobody waits for the answer any more")
            try:
                told = row.told.get(timeout=_LOOK_SECONDS)
            except Empty:
                self._batch.check_running()
                continue
            if isinstance(told, Exception):
                raise told
            yield told

    def _show(self, ask: Ask) -> Shown:
        tokens = self._texts.tokens(ask) if shows_text(ask) else []  # before others wait for us
        with self._tokenizing:
            return show(self._base, ask, lambda: tokens)

    def _load(self, row: Row) -> DocumentMemory:
        assert row.ask.adapter is not None, "a row without a memory"
        return self._read(row.ask.adapter)

    def _read(self, adapter: AdapterFile) -> DocumentMemory:
        try:
            with adapter.fetch() as path:
                return read_adapter(path, self._base, adapter.sha256, torch.device("cpu"))
        except AdapterError as error:
            raise UnusableAdapterError(str(error)) from error


def _recorded(base: BaseModel, pool: Pool, slots: Slots) -> RecordedSteps | None:
    if base.device.type != "cuda":
        return None
    return RecordedSteps(base, pool, slots, CudaRecorder(base.device))


def _place_tokens(base: BaseModel, most_tokens: int) -> int:
    """Return how long a place in the pool is: whole pages on CUDA, and no more than a row needs."""
    page_tokens = PAGE_TOKENS if base.device.type == "cuda" else 1
    wanted = -(-base.max_positions // page_tokens)
    return min(most_tokens // page_tokens, wanted) * page_tokens


def _token_bytes(base: BaseModel) -> int:
    """Return about what the keys and values of one token take: layers may differ in their heads."""
    config: Any = base.decoder.config
    most: int = config.num_key_value_heads
    values = sum(min(shape.num_heads, most) * shape.head_dim for shape in base.shapes)
    return 2 * values * base.dtype.itemsize
