"""What a document holds for its readers: its text, and the pairs written about it."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import errors
from app.clock import utc_now
from app.document_views import ProgressView
from app.documents import Overview
from app.models import JobState, QAPairRow
from app.storage import Store, text_key


def pairs_of(session: Session, job_id: str) -> Sequence[QAPairRow]:
    """Return the pairs that were written for a job, in the document's order."""
    written = select(QAPairRow).where(QAPairRow.job_id == job_id)
    return session.scalars(written.order_by(QAPairRow.start, QAPairRow.id)).all()


def require_text(overview: Overview) -> None:
    """Refuse a document that was not parsed yet."""
    if overview.document.num_characters is None:
        raise refusal(overview)


def text_tag(overview: Overview) -> str:
    """Return the entity tag of a document's text, which never changes once it is there."""
    document = overview.document
    return f'"{document.sha256[:32]}-{document.num_characters}"'


def read_text(store: Store, document_id: str) -> str:
    """Return the text of a document that was parsed; it may have been deleted since."""
    try:
        return store.read(text_key(document_id)).decode()
    except FileNotFoundError as error:
        raise errors.DocumentNotFoundError(f"there is no document {document_id!r}") from error


def refusal(overview: Overview) -> errors.ApiError:
    """Say why a document has not what is asked of it: it is in the making, or that ended early."""
    job = overview.job
    if job.state == JobState.FAILED:
        return errors.DocumentFailedError(
            f"the document could not be turned into a memory: {job.error}", reason=job.error_code
        )
    if job.state == JobState.CANCELLED:
        return errors.DocumentCancelledError()
    progress = ProgressView.of(job, utc_now())
    return errors.DocumentNotReadyError(
        f"the document's memory is not trained yet: its status is {job.state}",
        document_status=job.state,
        stage=job.stage,
        progress=progress and progress.model_dump(),
    )
