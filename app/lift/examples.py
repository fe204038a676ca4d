"""Training examples: what is shown and what is supervised. Knows token ids, no tensors.

Examples over one context form a group. A group becomes one row of training: the context is
computed once, and the examples behind it do not see each other (`packing.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from app.lift.config import MethodConfig
from app.lift.observer import QAPair
from app.lift.prompts import (
    GAP,
    answer_ids,
    answering_context,
    question_prompt,
    recitation_prompt,
)
from app.lift.tokenizing import Speaker

_QUESTIONS_PER_GROUP = 8  # a saving of time that changes no gradient


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the reply that is learnt; only `target` is supervised."""

    request: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExampleGroup:
    """Examples behind one shared prefix (chat opening and context)."""

    prefix: tuple[int, ...]
    examples: tuple[Example, ...]

    @property
    def num_tokens(self) -> int:
        """Tokens that a forward pass over this group processes."""
        return len(self.prefix) + sum(len(e.request) + len(e.target) for e in self.examples)


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One row of a training step."""

    group: ExampleGroup
    teachers: tuple[ExampleGroup, ...] = ()
    """The row's last examples once more, behind what the unplugged base model is shown as their
    teacher; the examples before them are learnt word for word."""
    is_unrelated: bool = False
    """Nothing of the document: its memory is to stay shut."""

    @property
    def num_tokens(self) -> int:
        """Tokens that go through the model for this row, its teachers' not counted: they are read
        once, however often the row comes again."""
        return self.group.num_tokens


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What one document gives the trainer."""

    text: str
    """The document; the pairs' places are offsets in it."""
    tokens: Sequence[int]
    segments: Sequence[Sequence[int]]
    pairs: Sequence[QAPair]
    sentences: Sequence[str] = ()
    """Sentences long enough to be completed, each on one line."""
    stretches: Sequence[Sequence[int]] = ()
    """What of the document is learnt, in tokens, where that is not all of it."""

    @property
    def studied(self) -> Sequence[Sequence[int]]:
        """The stretches of tokens that are learnt."""
        return self.stretches or [self.tokens]


def recitation_groups(
    base: Speaker,
    tokens: Sequence[int],
    segments: Sequence[Sequence[int]],
    method: MethodConfig,
    random: Random,
) -> Iterator[ExampleGroup]:
    """Yield one epoch of recitations: truncated context + request → segment (section 3.2).

    r ~ U[0, `recitation_context_tokens`] tokens of the context come from the head and the rest from
    the tail, drawn anew for each group of `recitations_per_context` segments.
    """
    size = _within_a_step(method.recitations_per_context, method)
    order = random.sample(range(len(segments)), len(segments))
    room = method.recitation_context_tokens - len(base.tokenize(GAP))
    for members in _chunks(order, size):
        head = random.randint(0, max(0, room))
        context = answering_context(base, tokens, method.recitation_context_tokens, head)
        prompt = recitation_prompt(base, context)
        examples = (Example(prompt.request, tuple(segments[index])) for index in members)
        yield ExampleGroup(prompt.prefix, tuple(examples))


def question_groups(
    base: Speaker,
    tokens: Sequence[int],
    pairs: Sequence[QAPair],
    method: MethodConfig,
    random: Random,
) -> Iterator[ExampleGroup]:
    """Yield one epoch of the auxiliary task: the context shown when answering + question → answer.

    All pairs are asked over the same context (section 3.3), a few of them in a row of training.
    """
    size = _within_a_step(_QUESTIONS_PER_GROUP, method)
    context = answering_context(base, tokens, method.context_tokens)
    order = random.sample(range(len(pairs)), len(pairs))
    for members in _chunks(order, size):
        prompts = [question_prompt(base, context, pairs[index].question) for index in members]
        replies = [reply_ids(base, pairs[index].answer) for index in members]
        examples = (
            Example(prompt.request, reply) for prompt, reply in zip(prompts, replies, strict=True)
        )
        yield ExampleGroup(prompts[0].prefix, tuple(examples))


def reply_ids(base: Speaker, answer: str) -> tuple[int, ...]:
    """Return an answer as the model would give it: its tokens and the end of the turn."""
    end = () if base.chat.reply_end is None else (base.chat.reply_end,)
    return (*answer_ids(base, answer), *end)


def _within_a_step(size: int, method: MethodConfig) -> int:
    return min(size, method.examples_per_step or size)


def _chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (items[start : start + size] for start in range(0, len(items), size))
