"""One question on one document: what it needs, what can stand in its way, what is answered."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self

import structlog
from sqlalchemy.orm import Session

from app import adapters, contents, documents, errors, parsing
from app.documents import Overview
from app.engine.answerer import Answerer, Ask, Context, Piece, Reply, Sampling, Speaker, Turn
from app.engine.errors import (
    EngineBusyError,
    EngineError,
    QuestionTooLongError,
    UnusableAdapterError,
)
from app.evidence import find_evidence
from app.library import IndexedText
from app.lift.passages import Passage
from app.models import JobState, QAPairRow
from app.question_views import (
    Answer,
    Evidence,
    MemoryState,
    MemoryUse,
    Question,
    Timings,
    Usage,
    finite,
)
from app.services import Services
from app.storage import DamagedFileError

_DEFAULT_TOKENS = 64
_TOKENS_A_PASSAGE = 12
"""Fewer than any two neighbours have on average, in whatever tokens: more passages never fit."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question that the engine can be asked, with what its answer is told beside."""

    ask: Ask
    title: str
    memory: MemoryState
    adapter_version: int | None
    evidence: tuple[Evidence, ...] | None
    """None if nobody asked for it."""

    def without_memory(self) -> Self:
        """Return the same question, which has nothing to do with the document, without memory."""
        ask = replace(self.ask, adapter=None)
        return replace(self, ask=ask, memory=MemoryState.UNRELATED, adapter_version=None)

    def answer(self, reply: Reply) -> Answer:
        """Show the reply."""
        return Answer(
            answer=reply.text,
            memory_share=finite(reply.memory_share),
            memory=self.memory,
            context=self.ask.context,
            finish_reason=reply.finish_reason,
            evidence=None if self.evidence is None else list(self.evidence),
            usage=Usage.of(reply),
            timings=Timings.of(reply),
            adapter_sha256=self.ask.adapter.sha256 if self.ask.adapter else None,
            adapter_version=self.adapter_version,
        )


class Draft(NamedTuple):
    """An inquiry whose text was not looked at yet."""

    inquiry: Inquiry
    pairs: Sequence[QAPairRow]
    """Stored questions, for evidence."""
    is_parsed: bool


def prepare(services: Services, owner: str, document_id: str, question: Question) -> Inquiry:
    """Gather what the engine needs; a text that no worker had time for is parsed here.

    No transaction is open while anything takes long.

    Raises:
        ApiError: no such document, its memory or its text is not there, or the answer would be too
            long.
        StoreError: the store cannot be reached.
    """
    with services.database.reading() as session:
        draft = inquire(session, services, owner, document_id, question)
    return complete(services, draft, question)


def inquire(
    session: Session, services: Services, owner: str, document_id: str, question: Question
) -> Draft:
    """Look what the rows say of a document; nothing of this takes long.

    Raises:
        ApiError: no such document, its memory is not there, or the answer would be too long.
    """
    overview = documents.get(session, owner, document_id)
    inquiry = _inquire(services, overview, question)
    pairs = _pairs(session, overview) if question.evidence else ()
    return Draft(inquiry, pairs, is_parsed=overview.document.num_characters is not None)


def complete(services: Services, draft: Draft, question: Question) -> Inquiry:
    """Gather what the document's text has to be looked into for, which may take long.

    Raises:
        ApiError: the document cannot be read, or is gone.
        StoreError: the store cannot be reached.
    """
    document_id = draft.inquiry.ask.document_id
    if not draft.is_parsed:
        recognise = services.settings.ocr == "on"
        parsing.parse_now(
            services.database, services.store, document_id, workers_recognise=recognise
        )
    ask = draft.inquiry.ask
    if question.evidence or ask.context is Context.RETRIEVED or _is_choosy(draft, question):
        return _look_up(draft, question, services.library.get(document_id))
    return draft.inquiry


def stream(answerer: Answerer, ask: Ask) -> Generator[Piece | Reply, None, None]:
    """Ask the engine, and give its answer piece by piece; the reply comes last.

    Raises:
        ApiError: the question is too long, the adapter cannot be used, or the document is gone.
        StoreError: the store cannot be reached.
    """
    try:
        yield from answerer.stream(ask)
    except QuestionTooLongError as error:
        raise errors.QuestionTooLongError(str(error)) from error
    except (UnusableAdapterError, DamagedFileError) as error:
        _log.error("adapter_unusable", document_id=ask.document_id, error=str(error))
        raise errors.AdapterUnusableError(
            f"{error}; relift the document to make a new one. Other documents are unaffected"
        ) from error
    except FileNotFoundError as error:
        raise errors.AdapterUnusableError(
            "the document's adapter file is gone; relift the document to make a new one"
        ) from error
    except EngineBusyError as error:
        raise errors.EngineBusyError from error
    except EngineError as error:
        raise errors.EngineUnavailableError(str(error)) from error


def _inquire(services: Services, overview: Overview, question: Question) -> Inquiry:
    memory = _memory_state(overview, question)
    document_id, store = overview.document.id, services.store
    usual = Context.RETRIEVED if memory is MemoryState.PENDING else Context.TRUNCATED
    adapter = overview.adapter if memory is MemoryState.USED else None
    ask = Ask(
        question=question.question,
        document_id=document_id,
        read_text=partial(contents.read_text, store, document_id),
        method=documents.method_of(overview),
        adapter=adapters.file_of(adapter, store) if adapter else None,
        max_tokens=_num_tokens(question, services.settings.max_answer_tokens),
        context=question.context or usual,
        history=tuple(Turn(Speaker(turn.role), turn.content) for turn in question.history),
        sampling=Sampling(
            question.temperature, question.top_p, question.seed, tuple(question.stop)
        ),
    )
    version = overview.answering.version if ask.adapter and overview.answering else None
    return Inquiry(ask, overview.document.title, memory, version, evidence=None)


def _memory_state(overview: Overview, question: Question) -> MemoryState:
    """Say whether the memory is used; refuse what would leave nothing to answer from."""
    job = overview.job
    if question.memory is not MemoryUse.OFF and overview.adapter:
        return MemoryState.USED
    is_hopeless = job.state == JobState.FAILED and overview.document.num_characters is None
    if question.memory is MemoryUse.OFF and not is_hopeless:
        return MemoryState.OFF
    is_coming = job.state in (JobState.QUEUED, JobState.RUNNING)
    wanted = (MemoryUse.ALWAYS, MemoryUse.REQUIRED)
    needs_memory = question.context is Context.NONE or question.memory in wanted
    if is_coming and not needs_memory:
        return MemoryState.PENDING
    raise contents.refusal(overview)


def _num_tokens(question: Question, most: int) -> int:
    wanted = question.max_tokens or min(_DEFAULT_TOKENS, most)
    if wanted > most:
        raise errors.TooManyTokensError(f"max_tokens is at most {most} on this server")
    return wanted


def _pairs(session: Session, overview: Overview) -> Sequence[QAPairRow]:
    return contents.pairs_of(session, (overview.answering or overview.job).id)


def _is_choosy(draft: Draft, question: Question) -> bool:
    """Tell whether the memory is read by related questions only."""
    ask = draft.inquiry.ask
    return bool(
        ask.adapter and ask.method.least_relatedness and question.memory is not MemoryUse.ALWAYS
    )


def _look_up(draft: Draft, question: Question, indexed: IndexedText) -> Inquiry:
    inquiry = draft.inquiry
    earlier = [turn.content for turn in question.history if turn.role is Speaker.USER]
    words = " ".join([*earlier[-1:], question.question])  # "and when?" says little by itself
    evidence = (
        find_evidence(indexed, question.question, words, draft.pairs) if question.evidence else None
    )
    passages: tuple[Passage, ...] = ()
    if inquiry.ask.context is Context.RETRIEVED:
        most = inquiry.ask.method.context_tokens // _TOKENS_A_PASSAGE + 1
        passages = tuple(ranked.passage for ranked in indexed.ranking.ranked(words, most))
    inquiry = replace(inquiry, ask=replace(inquiry.ask, passages=passages), evidence=evidence)
    if not _is_choosy(draft, question):
        return inquiry
    related = max(map(indexed.ranking.relevance.probability, (words, question.question)))
    is_related = related >= inquiry.ask.method.least_relatedness
    return inquiry if is_related else inquiry.without_memory()
