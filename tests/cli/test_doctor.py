"""`lift doctor`: what it says, and how it ends."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.storage import source_key, text_key
from tests.app.doctor.installation import Installation


def _add_old_orphan(installation: Installation, tmp_path: Path) -> str:
    key = f"documents/{installation.ready}/note.txt"
    installation.overwrite(key, b"x")
    two_hours_ago = time.time() - 7200
    os.utime(tmp_path / "store" / key, (two_hours_ago, two_hours_ago))
    return key


def test_healthy_installation_ends_well(installation: Installation) -> None:
    """One line, status 0."""
    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 0
    assert "7 files with a row" in result.stdout
    assert "findings: 0" in result.stdout


def test_finding_is_shown_and_ends_with_status_1(installation: Installation) -> None:
    """Without --repair it is told, and left."""
    installation.store.delete(text_key(installation.ready))

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 1
    assert text_key(installation.ready) in result.stdout
    assert "findings: 1, left as they are: 1" in result.stdout
    assert text_key(installation.ready) not in installation.stored()


def test_repair_tells_what_it_did_and_ends_well(installation: Installation, tmp_path: Path) -> None:
    """Afterwards nothing is wrong."""
    key = _add_old_orphan(installation, tmp_path)
    installation.store.delete(text_key(installation.ready))

    mended = CliRunner().invoke(app, ["doctor", "--repair"])
    after = CliRunner().invoke(app, ["doctor"])

    assert mended.exit_code == after.exit_code == 0
    assert "written anew from the source" in mended.stdout
    assert "moved to quarantine/" in mended.stdout
    assert "findings: 2, left as they are: 0" in mended.stdout
    assert key not in installation.stored()
    assert "findings: 0" in after.stdout


def test_what_cannot_be_repaired_ends_with_status_1(installation: Installation) -> None:
    """A repair that leaves something is no success."""
    installation.store.delete(source_key(installation.ready))

    result = CliRunner().invoke(app, ["doctor", "--repair"])

    assert result.exit_code == 1
    assert "findings: 1, left as they are: 1" in result.stdout


def test_young_file_without_a_row_is_mentioned(installation: Installation) -> None:
    """It may be in order, so the status is 0."""
    installation.overwrite(f"documents/{installation.ready}/note.txt", b"x")

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 0
    assert "less than an hour old: 1" in result.stdout


def test_json_holds_findings_and_figures(installation: Installation) -> None:
    """For programs: nothing else is written."""
    installation.store.delete(text_key(installation.ready))

    result = CliRunner().invoke(app, ["doctor", "--json"])

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["findings"] == [
        {
            "file": "text",
            "trouble": "missing",
            "key": text_key(installation.ready),
            "document_id": installation.ready,
            "repair": None,
        }
    ]
    assert (told["num_files"], told["num_young"]) == (7, 0)


def test_store_of_another_database_is_refused(
    installation: Installation, migrated_sqlite: Path, tmp_path: Path
) -> None:
    """A repair with a wrong setting moves nothing."""
    for path in (tmp_path / "store").rglob("*"):
        os.utime(path, (0, 0))
    shutil.copy(migrated_sqlite, tmp_path / "other.db")
    before = installation.stored()

    result = CliRunner(env={"LIFT_DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}).invoke(
        app, ["doctor", "--repair"]
    )

    assert result.exit_code == 1
    assert (
        "do LIFT_DATABASE_URL, LIFT_STORE_URL and LIFT_DATA_DIR belong together?" in result.stderr
    )
    assert installation.stored() == before


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"LIFT_DATA_DIR": "/nonexistent/lift"}, "there is no database in /nonexistent/lift"),
        ({"LIFT_DATABASE_URL": "sqlite://"}, "the database cannot be used"),
        ({"LIFT_STORE_URL": "ftp://host/x"}, "s3://bucket/prefix"),
        (
            {
                "LIFT_STORE_URL": "s3://bucket/prefix",
                "LIFT_S3_ENDPOINT_URL": "http://127.0.0.1:1",
                "AWS_ACCESS_KEY_ID": "an-account",
                "AWS_SECRET_ACCESS_KEY": "a-secret",
            },
            "the S3 store cannot list documents",
        ),
    ],
)
def test_what_cannot_be_examined_is_told_in_one_line(
    installation: Installation, settings: dict[str, str], told: str
) -> None:
    """A wrong setting, or a store that is away, is no finding."""
    result = CliRunner(env=settings).invoke(app, ["doctor", "--repair"])

    assert result.exit_code == 1
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
