"""What this process's engine holds of the documents' adapters, and what an operator does about it.

Whose a document is does not matter here, and nothing of its title or its text is told. Other
processes of the API have engines of their own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from sqlalchemy import select

from app import documents, errors
from app.adapter_views import EngineAdapters, HeldAdapter, HeldAdapters, Versions
from app.db import Database
from app.engine.answerer import AdapterFile
from app.engine.errors import AdaptersFullError, EngineError
from app.engine.kept import KeptAdapter
from app.models import Adapter, Job
from app.services import Services
from app.storage import Store


def file_of(adapter: Adapter, store: Store) -> AdapterFile:
    """Return a published adapter as the engine takes it."""
    fetch = partial(store.fetch, adapter.store_key, adapter.sha256)
    return AdapterFile(fetch, adapter.sha256, adapter.size_bytes)


def find_all(services: Services) -> EngineAdapters:
    """Return all that the engine holds."""
    with _refusals():
        kept = services.answerer.kept_adapters()
    versions = _versions(services.database, kept)
    return EngineAdapters.of(kept, versions, services.settings.adapter_bytes)


def preload(services: Services, document_id: str) -> HeldAdapters:
    """Have the engine bring a document's adapter to where answers read it, without waiting.

    Raises:
        ApiError: no such document, or it has no adapter.
    """
    return _take_in(services, document_id, services.answerer.preload)


def pin(services: Services, document_id: str) -> HeldAdapters:
    """Preload a document's adapter, and have the engine keep it.

    Raises:
        ApiError: no such document, it has no adapter, or too much is pinned.
    """
    return _take_in(services, document_id, services.answerer.pin)


def unpin(services: Services, document_id: str) -> HeldAdapters:
    """Let the engine keep a document's adapter as long as any other.

    Raises:
        ApiError: no such document.
    """
    return _let_go(services, document_id, services.answerer.unpin)


def evict(services: Services, document_id: str) -> HeldAdapters:
    """Have the engine drop what it holds of a document, once no answer reads it.

    Raises:
        ApiError: no such document.
    """
    return _let_go(services, document_id, services.answerer.evict)


def _take_in(
    services: Services, document_id: str, take_in: Callable[[str, AdapterFile], None]
) -> HeldAdapters:
    adapter = _published(services, document_id)
    with _refusals():
        take_in(document_id, adapter)
    try:
        _require(services.database, document_id)
    except errors.DocumentNotFoundError:  # deleted meanwhile: the engine may have forgotten before
        services.answerer.forget(document_id)
        raise
    return _held(services, document_id)


def _let_go(services: Services, document_id: str, let_go: Callable[[str], None]) -> HeldAdapters:
    """What is held may be let go although its document is gone: another process deleted it.

    While the engine is started again it takes note, though nobody can say what it held.
    """
    try:
        held = _held(services, document_id)
    except errors.EngineUnavailableError:
        let_go(document_id)
        raise
    if not held.data:
        _require(services.database, document_id)
    with _refusals():
        let_go(document_id)
    return _held(services, document_id)


def _published(services: Services, document_id: str) -> AdapterFile:
    with services.database.reading() as session:
        overview = documents.get_anyones(session, document_id)
    if overview.adapter is None:
        state = overview.job.state  # and no more: why it failed is its owner's matter
        raise errors.DocumentNotReadyError(
            f"the document has no adapter: its status is {state}", document_status=state
        )
    return file_of(overview.adapter, services.store)


def _held(services: Services, document_id: str) -> HeldAdapters:
    with _refusals():
        kept = services.answerer.kept_adapters()
    own = [each for each in kept if each.document_id == document_id]
    versions = _versions(services.database, own)
    return HeldAdapters(data=[HeldAdapter.of(each, versions) for each in own])


def _require(database: Database, document_id: str) -> None:
    with database.reading() as session:
        documents.get_anyones(session, document_id)


def _versions(database: Database, kept: Sequence[KeptAdapter]) -> Versions:
    ids = {each.document_id for each in kept}
    published = select(Adapter.document_id, Adapter.sha256, Job.version).join(Job)
    with database.reading() as session:
        rows = session.execute(published.where(Adapter.document_id.in_(ids))).all()
    return {(document_id, sha256): version for document_id, sha256, version in rows}


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the engine refuses into what the API does."""
    try:
        yield
    except AdaptersFullError as error:
        raise errors.AdaptersFullError(str(error)) from error
    except EngineError as error:
        raise errors.EngineUnavailableError(str(error)) from error
