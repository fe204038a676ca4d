"""One question on one document: which files it needs, and what can stand in its way."""

from collections.abc import Callable

import structlog
from sqlalchemy.orm import Session

from app import documents, errors
from app.documents import Overview
from app.engine.answerer import (
    AdapterFile,
    Answerer,
    Ask,
    EngineError,
    QuestionTooLongError,
    Reply,
    UnusableAdapterError,
)
from app.models import JobState
from app.schemas import MemoryUse, ProgressView, Question
from app.storage import Store, text_key

_DEFAULT_TOKENS = 64
_log = structlog.get_logger()


def prepare(
    session: Session, store: Store, document_id: str, question: Question, max_tokens: int
) -> Ask:
    """Gather what the engine needs; the session may be closed before the question is answered.

    Raises:
        ApiError: no such document, its memory is not ready, or the answer would be too long.
    """
    asked_tokens = question.max_tokens or min(_DEFAULT_TOKENS, max_tokens)
    if asked_tokens > max_tokens:
        raise errors.TooManyTokensError(f"max_tokens is at most {max_tokens} on this server")
    overview = documents.get(session, document_id)
    _require_text(overview)
    uses_memory = question.memory is MemoryUse.REQUIRED
    return Ask(
        question=question.question,
        document_id=document_id,
        read_text=_text_reader(store, document_id),
        method=documents.method_of(overview.document),
        adapter=_adapter_file(overview, store) if uses_memory else None,
        max_tokens=asked_tokens,
    )


def answer(answerer: Answerer, ask: Ask) -> Reply:
    """Ask the engine.

    Raises:
        ApiError: the question is too long, the adapter cannot be used, or the document is gone.
    """
    try:
        return answerer.answer(ask)
    except QuestionTooLongError as error:
        raise errors.QuestionTooLongError(str(error)) from error
    except UnusableAdapterError as error:
        _log.error("adapter_unusable", document_id=ask.document_id, error=str(error))
        raise errors.AdapterUnusableError(
            f"{error}; delete the document and upload it again. Other documents are unaffected"
        ) from error
    except FileNotFoundError as error:
        raise errors.AdapterUnusableError("the document's adapter file is gone") from error
    except EngineError as error:
        raise errors.EngineUnavailableError(str(error)) from error


def _text_reader(store: Store, document_id: str) -> Callable[[], str]:
    def read_text() -> str:
        try:
            return store.read(text_key(document_id)).decode()
        except FileNotFoundError as error:  # deleted since the question came in
            raise errors.DocumentNotFoundError(f"there is no document {document_id!r}") from error

    return read_text


def _require_text(overview: Overview) -> None:
    if overview.document.num_characters is None:
        raise _refusal(overview)


def _adapter_file(overview: Overview, store: Store) -> AdapterFile:
    if overview.adapter is None:
        raise _refusal(overview)
    return AdapterFile(store.path(overview.adapter.store_key), overview.adapter.sha256)


def _refusal(overview: Overview) -> errors.ApiError:
    job = overview.job
    if job.state == JobState.FAILED:
        return errors.DocumentFailedError(
            f"the document could not be turned into a memory: {job.error}", reason=job.error_code
        )
    progress = ProgressView.of(job)
    return errors.DocumentNotReadyError(
        f"the document's memory is not trained yet: its status is {job.state}",
        document_status=job.state,
        stage=job.stage,
        progress=progress and progress.model_dump(),
    )
