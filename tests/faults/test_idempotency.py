"""An API that is killed in the middle of an upload with a key: the client sends it again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app import idempotency
from app.clock import utc_now
from app.models import Document, IdempotencyKey, Job
from tests.faults.installation import API, Installation, installed

_DYING = [API[0], "-m", "tests.faults.dying_api"]


def upload(installation: Installation) -> httpx.Response:
    """Send the same upload under the same key."""
    return installation.http.post(
        "/documents",
        json={"text": "Words.", "preset": "quick", "duplicate": True},
        headers={"Idempotency-Key": "the same"},
    )


def count(installation: Installation, table: type) -> int:
    with installation.database.reading() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


@pytest.fixture(params=[False, True], ids=["sqlite", "postgresql"])
def dying(request: pytest.FixtureRequest, folder: Path) -> dict[str, Any]:
    """An API that dies once, on each database."""
    trap = folder / "trap"
    trap.touch()
    return {"num_workers": 0, "api": _DYING, "postgres": request.param, "FAULTS_DIE": str(trap)}


def test_answer_that_was_lost_on_its_way_is_given_again(
    folder: Path, model: Path, dying: dict[str, Any]
) -> None:
    """Killed behind the commit: the document is there, and so is what was to be answered."""
    with installed(folder, model, **dying) as installation:
        with pytest.raises(httpx.TransportError):
            upload(installation)
        installation.wait_for_api()

        again = upload(installation)

        assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
        assert (count(installation, Document), count(installation, Job)) == (1, 1)


def test_work_that_was_lost_leaves_no_answer(
    folder: Path, model: Path, dying: dict[str, Any]
) -> None:
    """Killed before the commit: there is neither, and the key is free when its time is up."""
    with installed(folder, model, **dying, FAULTS_DIE_AT="answer") as installation:
        with pytest.raises(httpx.TransportError):
            upload(installation)
        installation.wait_for_api()
        lost = (count(installation, Document), upload(installation))
        with installation.database.writing() as session:
            void_since = utc_now() - timedelta(seconds=idempotency.VOID_SECONDS + 1)
            session.execute(update(IdempotencyKey).values(created_at=void_since))

        again = upload(installation)

        assert (lost[0], lost[1].json()["code"]) == (0, "idempotency_key_in_use")
        assert (again.status_code, "idempotency-replayed" in again.headers) == (202, False)
        assert (count(installation, Document), count(installation, Job)) == (1, 1)
