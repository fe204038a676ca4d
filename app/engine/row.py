"""One question on its way through the batch: what it waits for, reads and says."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from torch import Tensor

from app.engine.answerer import Ask, Piece, Reply
from app.engine.keys_values import Pool, Prefix, RowCache
from app.engine.parts import Part
from app.engine.prefixes import prefix_key
from app.engine.prompting import Shown
from app.engine.saying import Saying
from app.engine.scheduler import Task
from app.lift.base_model import BaseModel
from app.lift.generation import Step
from app.lift.kinds import DocumentMemory

_MOST_UNREAD_PIECES = 256
_MOST_HELD_SECONDS = 60.0

Told = Piece | Reply | Exception
"""What comes out of a row; the last is a reply or an exception."""


@dataclass(eq=False)
class Row:
    """One question. All but `told` belongs to the batch's thread."""

    ask: Ask
    shown: Shown
    saying: Saying
    task: Task
    num_tokens: int
    """Prompt and longest answer together."""
    prefix_key: str
    """What its prefix is known by."""
    told: SimpleQueue[Told] = field(default_factory=SimpleQueue)
    asked_at: float = field(default_factory=time.perf_counter)
    ready_at: float | None = None
    """When memory and prefix were at hand."""
    first_at: float | None = None
    """When the first token came."""
    slot: int | None = None
    own: DocumentMemory | None = None
    """The memory, where the slots cannot hold it."""
    prefix: Prefix | None = None
    cache: RowCache | None = None
    last_token: int | None = None
    is_forgotten: bool = False
    """Its document was deleted or evicted meanwhile: nothing that it reads is kept."""
    _unread: int = 0
    _read_at: float = field(default_factory=time.perf_counter)

    @classmethod
    def of(cls, ask: Ask, base: BaseModel, shown: Shown, place_tokens: int) -> "Row":
        """Return a row that has read nothing; one of up to `place_tokens` needs no own room."""
        num_prompt = len(shown.prompt.ids)
        num_tokens = min(num_prompt + ask.max_tokens, base.max_positions)
        task = Task(ask.document_id, num_tokens if num_tokens > place_tokens else 0, num_prompt)
        prefix = prefix_key(ask.adapter.sha256 if ask.adapter else None, shown.prompt.prefix)
        return cls(ask, shown, Saying(ask, base, shown.prompt), task, num_tokens, prefix)

    @property
    def memory_key(self) -> str | None:
        """What the bank knows its memory by; None without one."""
        return self.ask.adapter.sha256 if self.ask.adapter else None

    @property
    def is_ready(self) -> bool:
        """Whether it holds all that it needs."""
        return self.ready_at is not None

    def become_ready(self, prefix: Prefix | None) -> None:
        """Go on behind a prefix, if it was read before."""
        self.ready_at, self.prefix = time.perf_counter(), prefix
        if prefix:
            self.task.num_unread -= prefix.num_tokens

    def part(self, num_tokens: int, pool: Pool) -> Part:
        """Return the next tokens that it has to read; the first time it takes room for all."""
        if self.cache is None:
            self.cache = RowCache(self.num_tokens, self.prefix, pool)
            self.prefix = None
        return Part(self._next_ids(num_tokens), self.cache, self.slot, self.own)

    def read(self, num_tokens: int) -> bool:
        """Count tokens of the prompt as read; True once the next is the model's own."""
        self.task.num_unread = max(0, self.task.num_unread - num_tokens)
        return self.task.num_unread == 0

    @property
    def num_read(self) -> int:
        """Tokens whose keys and values it has."""
        return self.cache.num_tokens if self.cache else 0

    def snapshot(self, num_tokens: int) -> Prefix:
        """Return the first tokens' keys and values, for other rows."""
        assert self.cache is not None, "a row that has read nothing"
        return self.cache.snapshot(num_tokens)

    def say(self, logits: Tensor, share: float | None) -> bool:
        """Choose the next token from logits [1, vocabulary] and tell it; True if it is the last."""
        tokens = self.saying.choose(logits)
        self.first_at = self.first_at or time.perf_counter()
        self.last_token = tokens[0]
        for piece in self.saying.hear(Step(tokens, None if share is None else [share], logits)):
            self.told.put(piece)
        if self.saying.finish_reason:
            self.told.put(self._reply())
        return self.saying.finish_reason is not None

    def let_go(self, *, is_sound: bool) -> None:
        """Give up the memory that it took, though somebody may still read what it said."""
        if self.cache:
            self.cache.let_go(is_sound=is_sound)
        self.cache = self.prefix = self.own = None

    def look_after_reader(self) -> None:
        """Wait for a reader who does not keep up."""
        unread = self.told.qsize()
        self.task.is_held = unread >= _MOST_UNREAD_PIECES
        if unread != self._unread:
            self._unread, self._read_at = unread, time.perf_counter()

    def is_unread(self) -> bool:
        """Say whether it was held for so long that it should not keep others from running."""
        return self.task.is_held and time.perf_counter() - self._read_at > _MOST_HELD_SECONDS

    def _next_ids(self, num_tokens: int) -> Sequence[int]:
        if self.last_token is not None:
            return [self.last_token]
        assert self.cache is not None
        start = self.cache.num_tokens
        return self.shown.prompt.ids[start : start + num_tokens]

    def _reply(self) -> Reply:
        assert self.ready_at is not None
        assert self.first_at is not None
        return self.saying.reply(
            num_dropped_turns=self.shown.num_dropped_turns,
            swap_seconds=self.ready_at - self.asked_at,
            first_token_seconds=self.first_at - self.asked_at,
            total_seconds=time.perf_counter() - self.asked_at,
            composed=self.shown.composed,
        )
