"""Documents in all states, as rows and files, for a page to show."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from math import exp, sin

import httpx
from sqlalchemy import select

from app import attempts, jobs
from app.clock import utc_now
from app.db import Database
from app.ingest.parsing import parse
from app.jobs import Failure, PublishedAdapter
from app.leases import Lease
from app.lift.observer import QAPair, StepMetrics
from app.models import Job
from app.samples import load_sample
from app.storage import Store, adapter_key, outline_key, text_key

HELPS = {
    "verdict": "helps",
    "num_pairs": 4,
    "without_memory": -5.53,
    "with_memory": -3.62,
    "with_other_memory": -5.21,
    "gain": 1.91,
    "gain_standard_error": 0.34,
    "reason": None,
}
DOES_NOT_HELP = HELPS | {
    "verdict": "no_measured_help",
    "with_memory": -5.49,
    "gain": 0.04,
    "gain_standard_error": 0.21,
}
_STEPS = 34
_HOUR = timedelta(hours=1)
_PAIR = QAPair(
    "What is a letter of the Kite Post sealed with?",
    "Grey wax and a jay feather.",
    "It is sealed with grey wax and a jay feather.",
    start=2690,
    is_held_back=True,
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Puts documents on a server's shelf and brings them on."""

    http: httpx.Client
    database: Database
    store: Store

    def add(self, title: str, text: str | None = None, **options: float) -> str:
        """Upload a text; it waits."""
        text = text or f"{title}. Its text."
        body = {"text": text, "title": title, "preset": "quick", "options": options}
        response = self.http.post("/documents", json=body)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def add_sample(self, name: str, **options: float) -> str:
        sample = load_sample(name)
        return self.add(sample.title, sample.text, **options)

    def train(self, document_id: str, num_steps: int, text: str | None = None) -> Lease:
        """Begin its attempt, parse it, and take some steps."""
        lease = self._claim(document_id)
        title = self.http.get(f"/documents/{document_id}").json()["title"]
        samples = {sample.title: sample.text for sample in map(load_sample, _SAMPLES)}
        parsed = parse((text or samples.get(title, title)).encode(), "a.md")
        self.store.put(text_key(document_id), BytesIO(parsed.text.encode()))
        self.store.put(outline_key(document_id), BytesIO(parsed.to_json()))
        began = utc_now() - timedelta(seconds=5 * num_steps)
        with self.database.writing() as session:
            attempts.record_parsed(session, lease, len(parsed.text))
            attempts.add_pairs(session, lease, [_PAIR], 1)
            attempts.start_stage(session, lease, "train", _STEPS, "steps", began)
        for step in range(1, num_steps + 1):
            self.take_step(lease, step)
        return lease

    def take_step(self, lease: Lease, step: int) -> None:
        """Write down one step, whose loss is lower than the one before."""
        loss = 1.9 + 2.6 * exp(-step / 11) + 0.16 * sin(step * 2.3)
        with self.database.writing() as session:
            attempts.add_metric(session, lease, StepMetrics(step, loss, 1.0, 5e-3, 900), utc_now())
            attempts.record_progress(session, lease, step)

    def finish(self, document_id: str, lease: Lease, quality: dict[str, object]) -> None:
        """End the attempt with a memory."""
        sha256 = document_id[-26:].ljust(64, "0")
        key = adapter_key(document_id, sha256)
        stored = self.store.put(key, BytesIO(b"a" * 9_100_000))
        adapter = PublishedAdapter(sha256, stored.size_bytes, key, "base", {}, quality)
        with self.database.writing() as session:
            jobs.finish(session, lease, adapter, 3257, utc_now())

    def make_ready(self, name: str, quality: dict[str, object], **options: float) -> str:
        """Bring a sample to its memory."""
        document_id = self.add_sample(name, **options)
        self.finish(document_id, self.train(document_id, _STEPS), quality)
        return document_id

    def fail(self, document_id: str) -> None:
        """End its attempt with a reason."""
        reason = "the file has no text that can be read: its pages are pictures"
        failure = Failure("document_refused", reason, retryable=True)
        with self.database.writing() as session:
            jobs.fail_attempt(session, self._claim(document_id), failure, 1, utc_now())

    def _claim(self, document_id: str, now: datetime | None = None) -> Lease:
        with self.database.reading() as session:
            own = select(Job.id).where(Job.document_id == document_id)
            job_id = session.scalars(own.order_by(Job.version.desc()).limit(1)).one()
        with self.database.writing() as session:
            lease = jobs.claim(session, job_id, now or utc_now(), _HOUR)
        assert lease is not None
        return lease


_SAMPLES = ("kitepost", "osmerrow")
