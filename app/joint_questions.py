"""One question on several documents: what it needs, what can stand in its way, what is answered.

Each document answers alone, by its own memory. One answer is composed of theirs by words: memories
are never mixed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app import questions
from app.engine.answerer import Ask, Context, Reply
from app.engine.sources import Source
from app.errors import ApiError, DocumentNotFoundError, EngineBusyError, TooManyTokensError
from app.joint_views import (
    ComposedFrom,
    DocumentAnswer,
    JointAnswer,
    JointQuestion,
    ShownPassage,
    join_timings,
    sum_usage,
)
from app.lift.passages import Passage
from app.question_views import Question
from app.questions import Inquiry
from app.services import Services

_MOST_PASSAGES = 64
"""Of each document, which are about 10,000 tokens."""
_SPEAK_FOR_THEMSELVES = (DocumentNotFoundError, EngineBusyError, TooManyTokensError)
"""Errors that name the document already, or are about no single one."""


@dataclass(frozen=True, slots=True)
class JointInquiry:
    """A question that several documents can be asked."""

    inquiries: tuple[Inquiry, ...]
    passages: tuple[tuple[Passage, ...], ...]
    """Of each document, what the composed answer may be shown, the best first."""

    def composing(self, replies: Sequence[Reply]) -> Ask | None:
        """Return what composes one answer of the documents'; None where there is one already."""
        if len(replies) == 1:
            return None
        parts = zip(self.inquiries, self.passages, replies, strict=True)
        sources = (Source(inquiry.title, shown, reply.text) for inquiry, shown, reply in parts)
        asks = [inquiry.ask for inquiry in self.inquiries]
        widest = max((ask.method for ask in asks), key=lambda method: method.window_tokens)
        return replace(
            asks[0],
            read_text=str,  # none
            method=widest,
            adapter=None,
            context=Context.RETRIEVED,
            passages=(),
            sources=tuple(sources),
        )

    def document_answer(self, place: int, reply: Reply) -> DocumentAnswer:
        """Show what one document answered."""
        inquiry = self.inquiries[place]
        told = dict(inquiry.answer(reply))
        return DocumentAnswer(document_id=inquiry.ask.document_id, title=inquiry.title, **told)

    def answer(self, replies: Sequence[Reply], composed: Reply | None) -> JointAnswer:
        """Show all answers."""
        said = composed or replies[0]
        return JointAnswer(
            answer=said.text,
            finish_reason=said.finish_reason,
            documents=[self.document_answer(place, each) for place, each in enumerate(replies)],
            composed_from=self._composed_from(composed) if composed else None,
            usage=sum_usage([*replies, composed] if composed else replies),
            timings=join_timings(replies, composed),
        )

    def _composed_from(self, reply: Reply) -> ComposedFrom:
        assert reply.composed, "an answer that was composed of nothing"
        nums = reply.composed.num_passages
        shown = [
            each
            for inquiry, passages, num in zip(self.inquiries, self.passages, nums, strict=True)
            for each in ShownPassage.of(inquiry.ask.document_id, passages[:num])
        ]
        return ComposedFrom(passages=shown, num_cut_answers=reply.composed.num_cut_answers)


def prepare(services: Services, owner: str, joint: JointQuestion) -> JointInquiry:
    """Gather what the engine needs of all documents, or nothing.

    Raises:
        ApiError: one of the documents cannot be asked; it is named.
        StoreError: the store cannot be reached.
    """
    question = Question.model_validate(joint.model_dump(exclude={"document_ids"}))
    drafts, inquiries = [], []
    with services.database.reading() as session:
        for document_id in joint.document_ids:
            with naming(document_id):
                drafts.append(questions.inquire(session, services, owner, document_id, question))
    for draft in drafts:
        with naming(draft.inquiry.ask.document_id):
            inquiries.append(questions.complete(services, draft, question))
    composed = inquiries if len(inquiries) > 1 else []
    passages = tuple(_passages(services, inquiry, question) for inquiry in composed)
    return JointInquiry(tuple(inquiries), passages)


@contextmanager
def naming(document_id: str) -> Iterator[None]:
    """Let a refusal say which document it is about."""
    try:
        yield
    except ApiError as error:
        error.extras["document_id"] = document_id
        if not isinstance(error, _SPEAK_FOR_THEMSELVES):
            error.detail = f"{document_id}: {error.detail}"
        raise


def _passages(services: Services, inquiry: Inquiry, question: Question) -> tuple[Passage, ...]:
    """Return the passages with words of the question, the best first, unless no text is wanted."""
    if question.context is Context.NONE:
        return ()
    indexed = services.library.get(inquiry.ask.document_id)
    ranked = indexed.ranking.ranked(question.question, _MOST_PASSAGES)
    return tuple(passage for passage, score in ranked if score > 0)
