"""Training by distillation: many small steps of short lessons about the document.

A lesson is a request and its reply: recite a piece of the text, complete a sentence of it, fill a
sentence's gap, answer a question about it. Most are given without any context, the others behind
one like that of answering or of retrieval. Beside them may stand rows of unrelated text, on which
the base model is the teacher: there the memory must change nothing. Knows token ids, no tensors.
The lessons are ours; Gated Memory, recitation and auxiliary task are the paper's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Generic, NamedTuple, TypeVar

from app.lift.base_model import BaseModel
from app.lift.cloze import draw_cloze
from app.lift.config import MethodConfig
from app.lift.elsewhere import load_passages
from app.lift.examples import Example, ExampleGroup, TrainingData, TrainingRow, reply_ids
from app.lift.observer import QAPair
from app.lift.places import tokens_around
from app.lift.prompts import (
    GAP,
    Prompt,
    answering_context,
    completion_prompt,
    question_prompt,
    recitation_prompt,
)

Item = TypeVar("Item")
_RETRIEVED_TOKENS = 96  # of one passage, in a context that looks like retrieval's
_UNRELATED_ROWS = 96  # different ones; each may come again, and its teacher reads it once
_LEAST_GIVEN_WORDS = 3
_SHOWN_PASSAGES = (0, 0, 1, 1, 2, 3)  # in an unrelated row, each as likely
_ANSWERED_SHARE = 0.7  # of unrelated rows with passages asks about one of these


class _Lesson(NamedTuple):
    prompt: Prompt
    reply: tuple[int, ...]
    teacher: Prompt | None = None
    """The same request where the base model can see the answer; None learns word for word."""


def lesson_steps(
    base: BaseModel, data: TrainingData, method: MethodConfig
) -> Iterator[list[TrainingRow]]:
    """Yield the rows of every optimiser step.

    In an epoch every token that is learnt is recited once, in pieces of `segment_tokens` whose cut
    points move from epoch to epoch. Joint epochs mix completions and questions in.
    """
    random = Random(method.seed)
    sentences, pairs = _Deck(data.sentences, random), _Deck(data.pairs, random)
    unrelated = _Deck(range(_UNRELATED_ROWS), random)
    tutor = _Tutor(base, data, method, random, sentences, pairs, unrelated)
    for epoch in range(method.recitation_epochs + method.joint_epochs):
        yield from tutor.epoch(is_joint=epoch >= method.recitation_epochs)


@dataclass(frozen=True, slots=True)
class _Tutor:
    """Sets the lessons of one document."""

    base: BaseModel
    data: TrainingData
    method: MethodConfig
    random: Random
    sentences: "_Deck[str]"
    pairs: "_Deck[QAPair]"
    unrelated: "_Deck[int]"

    def epoch(self, *, is_joint: bool) -> Iterator[list[TrainingRow]]:
        """Yield one epoch's steps."""
        assert self.method.examples_per_step  # MethodConfig sees to it
        size = self.method.examples_per_step - (self.method.others_per_step if is_joint else 0)
        pieces = self._pieces()
        for start in range(0, len(pieces), size):
            pairs = list(self.pairs.deal(self.method.questions_per_step if is_joint else 0))
            context = self._context(pairs)
            lessons = [
                _Lesson(recitation_prompt(self.base, context), tuple(piece))
                for piece in pieces[start : start + size]
            ]
            if is_joint:
                lessons += self._completions(context)
                lessons += self._clozes(context)
                lessons += self._questions(pairs, context)
            yield [_row(lessons), *self._unrelated()]

    def _pieces(self) -> list[Sequence[int]]:
        """Cut what is learnt into pieces, each stretch from a random first cut, in random order."""
        size, pieces = self.method.segment_tokens, list[Sequence[int]]()
        for tokens in self.data.studied:
            starts = [0, *range(self.random.randint(1, size), len(tokens), size)]
            ends = [*starts[1:], len(tokens)]
            pieces += [tokens[start:end] for start, end in zip(starts, ends, strict=True)]
        return self.random.sample(pieces, len(pieces))

    def _context(self, pairs: Sequence[QAPair]) -> Sequence[int]:
        """Return no context, or one like that of answering, or one like that of retrieval."""
        size, draw = self.method.recitation_context_tokens, self.random.random()
        if draw >= self.method.context_share or not size:
            return ()
        if draw < self.method.context_share / 2:
            head = self.random.randint(0, size)
            return answering_context(self.base, self.data.tokens, size, head)
        return self._retrieved(size, pairs)

    def _retrieved(self, size: int, pairs: Sequence[QAPair]) -> Sequence[int]:
        """Return passages in the text's order: of what answers the pairs mostly, and others."""
        gap = self.base.tokenize(GAP)
        length = min(size, _RETRIEVED_TOKENS)
        wanted = (size + len(gap)) // (length + len(gap))
        answering = [(pair.start, len(pair.evidence)) for pair in pairs if pair.evidence]
        others = [(self.random.randrange(len(self.data.text)), 1) for _ in range(wanted)]
        places = answering + others[: max(1, wanted - len(answering))]
        context: list[int] = []
        for start, characters in sorted(self.random.sample(places, wanted)):
            context += gap if context else ()
            context += tokens_around(self.base, self.data.text, start, characters, length)
        return context

    def _completions(self, context: Sequence[int]) -> Iterator[_Lesson]:
        for sentence in self.sentences.deal(self.method.completions_per_step):
            words = sentence.split()
            given = self.random.randint(
                _LEAST_GIVEN_WORDS, max(_LEAST_GIVEN_WORDS, len(words) // 2)
            )
            prompt = completion_prompt(self.base, context, " ".join(words[:given]))
            yield _Lesson(prompt, tuple(self.base.tokenize(" " + " ".join(words[given:]))))

    def _clozes(self, context: Sequence[int]) -> Iterator[_Lesson]:
        for sentence in self.sentences.deal(self.method.clozes_per_step):
            if cloze := draw_cloze(sentence, self.random):
                prompt = question_prompt(self.base, context, cloze.question)
                yield _Lesson(prompt, reply_ids(self.base, cloze.answer))

    def _questions(self, pairs: Sequence[QAPair], context: Sequence[int]) -> Iterator[_Lesson]:
        for pair in pairs:
            prompt = question_prompt(self.base, context, pair.question)
            yield _Lesson(prompt, reply_ids(self.base, pair.answer), self._teacher(pair))

    def _teacher(self, pair: QAPair) -> Prompt | None:
        size = self.method.teacher_context_tokens
        if not size or not pair.evidence:  # nobody knows where the answer stands
            return None
        passage = tokens_around(self.base, self.data.text, pair.start, len(pair.evidence), size)
        return question_prompt(self.base, passage, pair.question)

    def _unrelated(self) -> Iterator[TrainingRow]:
        if self.random.random() < self.method.unrelated_share:
            for number in self.unrelated.deal(1):
                yield _unrelated_row(self.base, number)


class _Deck(Generic[Item]):
    """Deals all of its cards in random order before it deals one twice."""

    def __init__(self, cards: Sequence[Item], random: Random) -> None:
        self._cards, self._random = cards, random
        self._left: list[Item] = []

    def deal(self, wanted: int) -> Iterator[Item]:
        """Yield `wanted` cards; none from an empty deck."""
        for _ in range(wanted if self._cards else 0):
            if not self._left:
                self._left = self._random.sample(self._cards, len(self._cards))
            yield self._left.pop()


def _unrelated_row(base: BaseModel, number: int) -> TrainingRow:
    """Return questions about an unrelated passage, behind none to three such passages.

    The same number gives the same row for every document.
    """
    random, passages = Random(number), load_passages()
    shown = random.sample(passages, random.choice(_SHOWN_PASSAGES))
    is_answered = shown and random.random() < _ANSWERED_SHARE
    asked = random.choice(shown if is_answered else passages)
    context = base.tokenize(GAP.join(passage.text for passage in shown))
    for_question = partial(question_prompt, base, context)
    prompts = [for_question(question) for question, _ in asked.questions]
    replies = [reply_ids(base, answer) for _, answer in asked.questions]
    return _row(list(map(_Lesson, prompts, replies, prompts)), is_unrelated=True)


def _row(lessons: Sequence[_Lesson], *, is_unrelated: bool = False) -> TrainingRow:
    lessons = sorted(lessons, key=lambda lesson: lesson.teacher is not None)  # those come last
    group = _group([lesson.prompt for lesson in lessons], [lesson.reply for lesson in lessons])
    if is_unrelated:
        return TrainingRow(group, (group,), is_unrelated)
    taught = [(lesson.teacher, lesson.reply) for lesson in lessons if lesson.teacher]
    return TrainingRow(group, tuple(_group([prompt], [reply]) for prompt, reply in taught))


def _group(prompts: Sequence[Prompt], replies: Sequence[tuple[int, ...]]) -> ExampleGroup:
    requests = (prompt.request for prompt in prompts)
    return ExampleGroup(prompts[0].prefix, tuple(map(Example, requests, replies)))
