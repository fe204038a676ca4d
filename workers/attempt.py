"""One attempt at a job: parse, lift, measure, publish; each goes on where an earlier one stopped.

It writes the attempt's result, or a failure that no further attempt would cure; all else comes out
as an exception.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import select

from app import attempts, jobs
from app.clock import utc_now
from app.db import Database
from app.ingest.errors import IngestError
from app.jobs import Failure
from app.leases import Lease, LeaseLostError
from app.lift.config import MethodConfig
from app.lift.earlier import Earlier
from app.lift.errors import BaseModelError, CheckpointError, LiftError, ReaderError
from app.models import Document, Job
from app.settings import Settings
from app.storage import Store
from workers.checkpoints import CheckpointKeeper, brought_here, checkpoint_name
from workers.drain import Drain
from workers.measuring import measure
from workers.parsing import parse_document
from workers.patience import write_patiently
from workers.publishing import publish
from workers.reporter import Reporter
from workers.starting import settle_former

if TYPE_CHECKING:
    from app.lift.adapter import Lifted
    from app.lift.base_model import BaseModel

BaseLoader = Callable[[Settings], "BaseModel"]
"""Loads the base model, or gives the one that is loaded."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What an attempt works with."""

    database: Database
    store: Store
    settings: Settings
    load_base: BaseLoader
    drain: Drain


def run_attempt(parts: Parts, lease: Lease) -> bool:
    """Train, and write the end of the attempt; False if it failed and said so."""
    try:
        document, job = _find(parts.database, lease)
        keeper = _keeper(parts, lease, job)
        with Reporter(parts.database, lease, keeper, parts.drain) as reporter:
            _train(parts, lease, document, job, reporter)
    except LeaseLostError:
        _log.info("attempt_abandoned", job_id=lease.job_id)
    except (LiftError, IngestError) as error:
        _fail(parts, lease, Failure(_code_of(error), str(error), retryable=False))
        return False
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        _log.exception("out_of_memory", job_id=lease.job_id)
        _fail(parts, lease, Failure("out_of_memory", _OUT_OF_MEMORY, retryable=True))
        return False
    return True


_OUT_OF_MEMORY = (
    "The device's memory was not enough to train it; free some, or lift it again with a smaller "
    "window_tokens, segment_tokens or examples_per_step."
)


def _find(database: Database, lease: Lease) -> tuple[Document, Job]:
    own = select(Document, Job).join(Job, Job.document_id == Document.id)
    with database.reading() as session:
        found = session.execute(own.where(Job.id == lease.job_id)).one_or_none()
    if found is None:
        raise LeaseLostError(f"the document of job {lease.job_id} was deleted")
    return found[0], found[1]


def _keeper(parts: Parts, lease: Lease, job: Job) -> CheckpointKeeper:
    name = checkpoint_name(job.document_id, job.id, job.attempt)
    every_seconds = parts.settings.checkpoint_seconds
    return CheckpointKeeper(parts.database, parts.store, lease, name, parts.drain, every_seconds)


def _train(parts: Parts, lease: Lease, document: Document, job: Job, reporter: Reporter) -> None:
    text = parse_document(
        *(parts.database, parts.store, lease, document, reporter),
        with_recognition=parts.settings.ocr == "on",
    )
    lifted = _lift(parts, lease, document, job, text, reporter)
    report = measure(parts.database, parts.store, document, text, lifted, reporter)
    reporter.stage_started("publish", 1, "adapter")
    publish(parts.database, parts.store, lease, document, job, lifted, asdict(report))


def _lift(
    parts: Parts, lease: Lease, document: Document, job: Job, text: str, reporter: Reporter
) -> "Lifted":
    from app.lift.pipeline import lift_document
    from app.lift.reader import load_reader

    base = parts.load_base(parts.settings)
    method = MethodConfig(**job.method)
    named = parts.settings.reader
    reader = load_reader(named, base, method) if named else None
    former = settle_former(
        *(parts.database, parts.store, lease, document, text, base, method), reporter
    )
    with parts.database.reading() as session:
        left = attempts.find_left(session, lease)
    with brought_here(parts.store, left.checkpoint_key) as checkpoint:
        earlier = Earlier(left.pairs, left.pairs_tried, checkpoint)
        try:
            return lift_document(text, base, method, reporter, reader, earlier, former)
        except CheckpointError as error:
            reporter.told(f"The training begins anew: {error}.")
            anew = Earlier(left.pairs, left.pairs_tried)
            return lift_document(text, base, method, reporter, reader, anew, former)


def _fail(parts: Parts, lease: Lease, failure: Failure) -> None:
    most = parts.settings.max_attempts
    with suppress(LeaseLostError):
        write_patiently(
            parts.database,
            lambda session: jobs.fail_attempt(session, lease, failure, most, utc_now()),
        )


def _code_of(error: LiftError | IngestError) -> str:
    if isinstance(error, IngestError):
        return error.code
    if isinstance(error, BaseModelError):
        return "base_model_unusable"
    return "reader_unusable" if isinstance(error, ReaderError) else "document_refused"


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Tell an accelerator without memory, and torch's own allocator, from other trouble."""
    named = type(error).__name__ in ("MemoryError", "OutOfMemoryError")
    return named or "can't allocate memory" in str(error)
