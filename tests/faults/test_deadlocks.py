"""Users, workers and sweepers crowd on few documents: none of them waits in a circle.

Each transaction is one that requests, workers and sweepers carry out, and no other.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import attempts, documents, jobs, leases, versions
from app.clock import utc_now
from app.db import Database
from app.errors import DocumentNotFoundError
from app.jobs import Failure, PublishedAdapter
from app.leases import Lease, LeaseLostError
from app.lift.observer import QAPair, StepMetrics
from app.models import LOCAL_OWNER, Document
from app.schemas import Relift
from app.storage import Store
from tests.rows import LOCAL, MINUTE, add_document, queue_job

_SECONDS = 60.0
_NUM_DOCUMENTS = 4
_ADAPTER = PublishedAdapter("a" * 64, 1, "key", "base", {})
_CRASH = Failure("trainer_died", "It was killed.", retryable=True)
_REFUSAL = Failure("document_refused", "It is too short.", retryable=False)
_PAIR = QAPair("Who?", "Ada.", "Ada wrote it.", 5)
_NOTES: tuple[Callable[[Session, Lease], object], ...] = (
    lambda session, lease: attempts.start_stage(session, lease, "train", 4, "steps", utc_now()),
    lambda session, lease: attempts.record_parsed(session, lease, 9),
    lambda session, lease: attempts.add_pairs(session, lease, [_PAIR], 1),
    lambda session, lease: write_figures(session, lease),
    lambda session, lease: jobs.renew(session, lease, utc_now(), MINUTE),
)
_ENDS: dict[str, Callable[[Session, Lease], object]] = {
    "finish": lambda session, lease: jobs.finish(session, lease, _ADAPTER, 1, utc_now()),
    "fail": lambda session, lease: jobs.fail_attempt(session, lease, _CRASH, 3, utc_now()),
    "refuse": lambda session, lease: jobs.fail_attempt(session, lease, _REFUSAL, 3, utc_now()),
    "release": lambda session, lease: jobs.release(session, lease, utc_now()),
}


class Crowd:
    """What eight threads do, and how often they have done it."""

    def __init__(self, database: Database, store: Store, until: float) -> None:
        self._database, self._store, self._until = database, store, until
        self.done = Counter[str]()

    def run(self, act: Callable[["Crowd", random.Random], None], seed: int) -> None:
        """Act again and again, whatever others do to the same documents meanwhile."""
        chance = random.Random(seed)
        while time.monotonic() < self._until:
            with suppress(LeaseLostError, DocumentNotFoundError):
                act(self, chance)

    def use(self, chance: random.Random) -> None:
        """Upload, or do something to a document."""
        with self._database.reading() as session:
            found = session.scalars(select(Document.id)).all()
        if len(found) < _NUM_DOCUMENTS:
            self._write("upload", lambda session: queue_job(session, add_document(session).id))
            return
        document_id = chance.choice(found)
        wish, now = Relift(options={"seed": chance.randrange(10**6)}), utc_now()
        actions: dict[str, Callable[[Session], object]] = {
            "cancel": lambda session: versions.cancel(session, LOCAL_OWNER, document_id, now),
            "retry": lambda session: versions.retry(session, LOCAL, document_id, now),
            "relift": lambda session: versions.relift(
                session, self._store, LOCAL, document_id, wish, now
            ),
            "delete": lambda session: documents.remove(session, LOCAL_OWNER, document_id),
        }
        name = chance.choices(list(actions), weights=(1, 2, 3, 1))[0]
        self._write(name, actions[name])

    def work(self, chance: random.Random) -> None:
        """Claim a job, note all that an attempt notes, end it somehow."""
        with self._database.writing() as session:
            lease = jobs.claim_next(session, None, utc_now(), MINUTE)
        if lease is None:
            time.sleep(0.005)
            return
        self.done["claim"] += 1
        for note in _NOTES:
            self._write("note", lambda session, note=note: note(session, lease))
        end = chance.choice(list(_ENDS))
        self._write(end, lambda session: _ENDS[end](session, lease))

    def sweep(self, chance: random.Random) -> None:
        """Take all jobs that run from their workers, and note that messages were sent."""
        with self._database.reading() as session:
            held = leases.find_held(session)
        with self._database.writing() as session:
            self.done["expire"] += jobs.expire(session, held, 3, utc_now())
        with self._database.reading() as session:
            unsent = jobs.find_unsent(session, utc_now())
        for job_id in unsent[:3]:
            self._write("send", lambda session, job_id=job_id: mark_sent(session, job_id))
        time.sleep(chance.random() / 50)

    def _write(self, name: str, change: Callable[[Session], object]) -> None:
        with self._database.writing() as session:
            change(session)
        self.done[name] += 1


def write_figures(session: Session, lease: Lease) -> None:
    attempts.record_progress(session, lease, 1)
    for step in range(3):
        metrics = StepMetrics(step, 2.0, 1.0, 1e-3, 5)
        attempts.add_metric(session, lease, metrics, utc_now())


def mark_sent(session: Session, job_id: str) -> None:
    jobs.mark_dispatched(session, job_id, utc_now())


def test_crowd_on_few_documents_meets_no_deadlock(postgresql: Database, store: Store) -> None:
    """For a minute everybody does everything at once, and the database refuses nobody."""
    crowd = Crowd(postgresql, store, time.monotonic() + _SECONDS)
    roles = [Crowd.use] * 3 + [Crowd.work] * 3 + [Crowd.sweep] * 2
    with ThreadPoolExecutor(len(roles)) as threads:
        running = [threads.submit(crowd.run, role, seed) for seed, role in enumerate(roles)]
    refused = [error for each in running if (error := each.exception())]

    assert refused == []
    assert min(crowd.done[name] for name in (*_ENDS, "claim", "expire", "delete", "relift")) > 0
