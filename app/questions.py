"""One question on one document: which files it needs, and what can stand in its way."""

from collections.abc import Generator
from functools import partial

import structlog
from sqlalchemy.orm import Session

from app import contents, documents, errors
from app.documents import Overview
from app.engine.answerer import (
    AdapterFile,
    Answerer,
    Ask,
    EngineError,
    Piece,
    QuestionTooLongError,
    Reply,
    UnusableAdapterError,
    collect,
)
from app.schemas import MemoryUse, Question
from app.storage import DamagedFileError, Store

_DEFAULT_TOKENS = 64
_log = structlog.get_logger()


def prepare(
    session: Session,
    store: Store,
    owner: str,
    document_id: str,
    question: Question,
    max_tokens: int,
) -> Ask:
    """Gather what the engine needs; the session may be closed before the question is answered.

    Raises:
        ApiError: no such document, its memory is not ready, or the answer would be too long.
    """
    asked_tokens = question.max_tokens or min(_DEFAULT_TOKENS, max_tokens)
    if asked_tokens > max_tokens:
        raise errors.TooManyTokensError(f"max_tokens is at most {max_tokens} on this server")
    overview = documents.get(session, owner, document_id)
    contents.require_text(overview)
    uses_memory = question.memory is MemoryUse.REQUIRED
    return Ask(
        question=question.question,
        document_id=document_id,
        read_text=partial(contents.read_text, store, document_id),
        method=documents.method_of(overview),
        adapter=_adapter_file(overview, store) if uses_memory else None,
        max_tokens=asked_tokens,
    )


def answer(answerer: Answerer, ask: Ask) -> Reply:
    """Ask the engine, and wait for all of the answer; raises what `stream` does."""
    return collect(stream(answerer, ask))


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
    except EngineError as error:
        raise errors.EngineUnavailableError(str(error)) from error


def _adapter_file(overview: Overview, store: Store) -> AdapterFile:
    if overview.adapter is None:
        raise contents.refusal(overview)
    key, sha256 = overview.adapter.store_key, overview.adapter.sha256
    return AdapterFile(partial(store.fetch, key, sha256), sha256)
