"""What has to hold once everything has settled, whatever was done before."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.clock import utc_now
from app.doctor.examination import Trouble, examine
from app.doctor.repairs import repair
from app.models import Adapter, Document, EventKind, Job, JobState, QAPairRow
from tests.faults.installation import Installation

_HEADER_BYTES = 8
_TRAINED = ("losses", "tokens_processed", "num_qa_pairs", "num_tokens")


@dataclass(frozen=True)
class Outcome:
    """All that the lifting of a document came to, apart from names and times."""

    state: str
    tensors: str
    """Hash of the adapter's tensors: of names, shapes and every bit."""
    trained: Mapping[str, str]
    """What the adapter's file says of its training."""
    pairs: tuple[tuple[str, str, bool], ...]
    losses: tuple[float, ...]
    """By step, as the events tell them."""


def outcome_of(installation: Installation, document_id: str) -> Outcome:
    """Look at a document that is ready, and check its rows, its file and its events.

    Raises:
        AssertionError: it is not as it has to be.
    """
    with installation.database.reading() as session:
        jobs = session.scalars(select(Job).where(Job.document_id == document_id)).all()
        adapters = session.scalars(select(Adapter).where(Adapter.document_id == document_id)).all()
        own = select(QAPairRow).where(QAPairRow.document_id == document_id)
        pairs = session.scalars(own.order_by(QAPairRow.number)).all()
    assert [job.state for job in jobs] == [JobState.READY], [(j.state, j.error) for j in jobs]
    assert [adapter.job_id for adapter in adapters] == [jobs[0].id], "one adapter a job"
    assert jobs[0].checkpoint_key is None
    assert (jobs[0].lease_token, jobs[0].error_code) == (None, None)
    assert [pair.number for pair in pairs] == list(range(len(pairs))), "pairs are doubled or lost"
    content = installation.store.read(adapters[0].store_key)
    assert hashlib.sha256(content).hexdigest() == adapters[0].sha256
    assert len(content) == adapters[0].size_bytes
    shown = installation.get(f"/documents/{document_id}")
    assert shown["status"] == "ready"
    return Outcome(
        state=jobs[0].state,
        tensors=_hash_of_tensors(content),
        trained={key: adapters[0].file_metadata[key] for key in _TRAINED},
        pairs=tuple((pair.question, pair.answer, pair.is_held_back) for pair in pairs),
        losses=_losses(_events(installation, document_id)),
    )


def all_documents(installation: Installation) -> set[str]:
    """Return the ids of all documents that there are."""
    with installation.database.reading() as session:
        return set(session.scalars(select(Document.id)))


def stray_files(installation: Installation) -> Counter[str]:
    """Have the doctor look, require that nothing is lost or damaged, and count what is left over.

    The doctor then sets it aside, and finds nothing more.
    """
    database, store, later = installation.database, installation.store, utc_now()
    later += timedelta(hours=2)  # by then nothing is young
    findings = examine(database, store, later).findings
    harmless = (Trouble.ORPHAN, Trouble.LEFTOVER)
    assert [each for each in findings if each.trouble not in harmless] == []
    for finding in findings:
        assert repair(database, store, finding, later)
    assert examine(database, store, later).findings == ()
    return Counter(_kind_of(finding.key) for finding in findings)


def _events(installation: Installation, document_id: str) -> Sequence[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    after, has_more = "", True
    while has_more:
        page = installation.get(f"/documents/{document_id}/events?limit=500&after={after}")
        found += page["data"]
        after, has_more = page["next_cursor"], page["has_more"]
    ids = [int(event["id"]) for event in found]
    assert ids == sorted(set(ids)), "events are out of order"
    ends = [event for event in found if event["type"] == EventKind.DONE]
    assert [event["data"] for event in ends] == [{"status": "ready"}], ends
    assert found[-1] is ends[0], f"something happened behind the end: {found[-1]}"
    return found


def _losses(events: Sequence[Mapping[str, Any]]) -> tuple[float, ...]:
    """Return the loss of each step, and require that none is missing or differs when repeated."""
    taken = [event["data"] for event in events if event["type"] == EventKind.METRIC]
    losses = {metric["step"]: metric["loss"] for metric in taken}
    assert sorted(losses) == list(range(1, len(losses) + 1)), "steps are missing"
    assert all(losses[metric["step"]] == metric["loss"] for metric in taken)
    return tuple(losses[step] for step in sorted(losses))


def _hash_of_tensors(content: bytes) -> str:
    length = int.from_bytes(content[:_HEADER_BYTES], "little")
    header = json.loads(content[_HEADER_BYTES : _HEADER_BYTES + length])
    del header["__metadata__"]  # holds times
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(content[_HEADER_BYTES + length :])
    return digest.hexdigest()


def _kind_of(key: str) -> str:
    parts = key.split("/")
    return parts[2] if len(parts) > 3 else parts[0]
