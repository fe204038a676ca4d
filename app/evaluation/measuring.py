"""One method on one document's questions: likelihoods, ranks and answers behind its prompts.

Prompts that begin alike are computed once (`shared_prefix.py`). Records come in small batches, so
that what a long pass has measured is not lost with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from app.evaluation.contexts import OpenDocument
from app.evaluation.corpus import Document, Question
from app.evaluation.methods import Entry
from app.evaluation.records import Record
from app.evaluation.scores.rank import gold_ranks
from app.evaluation.scores.words import normalised
from app.evaluation.shared_prefix import Request, SharedPrefix, Tokens
from app.evaluation.shown import Place
from app.evaluation.side_by_side import MOST_TOKENS, answer_side_by_side
from app.lift.base_model import Pluggable
from app.lift.prompts import Prompt, answer_ids, question_prompt
from app.lift.relevance import Relevance

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is measured of every question besides its gold answer's likelihood."""

    answers: bool
    max_answer_tokens: int
    ranks: bool


@dataclass(frozen=True, slots=True)
class Pass:
    """One method on one document."""

    opened: OpenDocument
    entry: Entry
    memory: Pluggable | None
    learnt: Document | None
    """What the memory was trained on."""
    places: Mapping[str, Place]
    """Of questions by their ids; what is missing is unknown."""
    wanted: Wanted

    def readers(self, questions: Sequence[Question]) -> Iterator[tuple["Pass", list[Question]]]:
        """Yield the questions that the memory is read for, and the others with a pass without it.

        The product's rule: `least_relatedness`, with the document that the memory was trained on.
        """
        least = self.opened.method.least_relatedness
        known = Relevance.of(self.learnt.text) if self.learnt and least else None
        related, others = list[Question](), list[Question]()
        for each in questions:
            is_related = known is None or known.probability(each.question) >= least
            (related if is_related else others).append(each)
        yield self, related
        yield replace(self, memory=None, learnt=None), others

    def plugged(self) -> AbstractContextManager[object]:
        """Return a block that computes with the pass's memory."""
        return self.opened.base.plugged(self.memory) if self.memory else nullcontext()


Asked = tuple[Question, Prompt]


def measure(run: Pass, questions: Sequence[Question]) -> Iterator[list[Record]]:
    """Yield records of the questions in batches, questions behind one prefix together."""
    for part, asked in run.readers(questions):
        yield from _measure(part, asked)


def _measure(run: Pass, questions: Sequence[Question]) -> Iterator[list[Record]]:
    for batch in _batches(run, questions):
        behinds = [(_Behind(run, prefix), asked) for prefix, asked in batch]
        answers = iter(_answers(run, behinds))
        yield [
            record
            for behind, asked in behinds
            for record in behind.records(asked, [next(answers) for _ in asked])
        ]


def _batches(
    run: Pass, questions: Sequence[Question]
) -> Iterator[list[tuple[Tokens, list[Asked]]]]:
    """Yield prefixes with their questions: one with many, or several with one each.

    Prefixes are taken together while they stay within what may be stacked.
    """
    prompt = run.entry.method.prompt
    by_prefix: dict[Tokens, list[Asked]] = {}
    for question in questions:
        asked = prompt(run.opened, question.question)
        by_prefix.setdefault(asked.prefix, []).append((question, asked))
    alone: list[tuple[Tokens, list[Asked]]] = []
    for prefix, group in by_prefix.items():
        if len(group) > 1:
            yield from (
                [(prefix, group[start : start + _BATCH])] for start in range(0, len(group), _BATCH)
            )
            continue
        longest = max(len(prefix), *(len(other) for other, _ in alone), 0)
        if alone and (len(alone) + 1) * longest > MOST_TOKENS:
            yield alone
            alone = []
        alone.append((prefix, group))
    if alone:
        yield alone


def _answers(run: Pass, behinds: Sequence[tuple["_Behind", list[Asked]]]) -> Sequence[str | None]:
    """Return the greedy answers in the questions' order, if any are wanted."""
    asked = [(each.shared, prompt) for each, group in behinds for _, prompt in group]
    if not run.wanted.answers:
        return [None] * len(asked)
    base = run.opened.base
    longest = max(len(prompt.ids) for _, prompt in asked)
    room = min(run.wanted.max_answer_tokens, base.max_positions - longest)
    requests = [prompt.request for _, prompt in asked]
    with run.plugged():
        if len(behinds) == 1:
            replies = behinds[0][0].shared.answers(requests, room)
        else:
            prefixes = [prefix for prefix, _ in asked]
            replies = answer_side_by_side(base, list(zip(prefixes, requests, strict=True)), room)
    return [base.tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in replies]


class _Behind:
    """All that is asked behind one prefix."""

    def __init__(self, run: Pass, prefix: Tokens) -> None:
        self._run = run
        self._base = run.opened.base
        self._candidates = _distinct_answers(run) if run.wanted.ranks else {}
        with self._run.plugged():
            self.shared = SharedPrefix(self._base, prefix)
            self._priors = self._score_without_question(list(self._candidates.values()))
        self._bare = SharedPrefix(self._base, prefix) if run.entry.method.is_unrelated else None

    def records(self, batch: Sequence[Asked], answers: Sequence[str | None]) -> list[Record]:
        """Score a batch of questions, and put down what was answered."""
        with self._run.plugged():
            scores = self.shared.log_likelihoods([self._request(*asked) for asked in batch])
        measured = zip(batch, scores, answers, self._references(batch), strict=True)
        return [self._record(*each) for each in measured]

    def _gold(self, question: Question) -> Tokens:
        return answer_ids(self._base, question.answers[0])

    def _request(self, question: Question, prompt: Prompt) -> Request:
        """Return a question with all that is scored behind it: gold, options, candidates."""
        options = (answer_ids(self._base, option) for option in question.options)
        return Request(prompt.request, (self._gold(question), *options, *self._candidates.values()))

    def _score_without_question(self, replies: Sequence[Tokens]) -> list[float]:
        if not replies:
            return []
        nothing = question_prompt(self._base, (), "").request
        return self.shared.log_likelihoods([Request(nothing, tuple(replies))])[0]

    def _references(self, batch: Sequence[Asked]) -> Sequence[float | None]:
        """Score the gold answers without the memory, where that is asked for."""
        if not self._bare:
            return [None] * len(batch)
        golds = [Request(prompt.request, (self._gold(each),)) for each, prompt in batch]
        return [gold for (gold,) in self._bare.log_likelihoods(golds)]

    def _record(
        self, asked: Asked, scores: Sequence[float], answer: str | None, reference: float | None
    ) -> Record:
        question, prompt = asked
        num_options = len(question.options)
        return Record(
            document_id=self._run.opened.document.document_id,
            question_id=question.question_id,
            method=self._run.entry.label,
            task=question.task,
            place=self._run.places.get(question.question_id, Place.UNKNOWN),
            question=question.question,
            gold=question.answers[0],
            log_likelihood=scores[0],
            answer=answer,
            option_log_likelihoods=tuple(scores[1 : 1 + num_options]),
            relative_rank=self._rank(question, scores[1 + num_options :]),
            reference_log_likelihood=reference,
            prompt_tokens=len(prompt.ids),
            context_tokens=len(prompt.prefix) - len(self._base.chat.opening),
            memory_of=self._run.learnt.document_id if self._run.learnt else None,
        )

    def _rank(self, question: Question, scores: Sequence[float]) -> float | None:
        """Rank the gold answer, its prior subtracted; other right answers do not compete."""
        if not self._candidates:
            return None
        right = set(map(normalised, question.answers))
        gold = normalised(question.answers[0])
        gains = {
            name: score - prior
            for name, score, prior in zip(self._candidates, scores, self._priors, strict=True)
            if name == gold or name not in right
        }
        (found,) = gold_ranks([list(gains.values())], [0.0] * len(gains), [list(gains).index(gold)])
        return found.relative


def _distinct_answers(run: Pass) -> dict[str, Tokens]:
    """Return the gold answers of all the document's questions, those of one wording once."""
    answers = [question.answers[0] for question in run.opened.document.questions]
    return {normalised(answer): answer_ids(run.opened.base, answer) for answer in answers}
