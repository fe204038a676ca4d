"""The first stage of an attempt: the text and its outline, made once."""

from io import BytesIO

import pytest

from app import documents, intake
from app.clock import utc_now
from app.db import Database
from app.doctor.examination import YOUNG, examine
from app.events import find_after
from app.ingest.errors import DamagedDocumentError
from app.ingest.outline import Outline
from app.intake import Upload
from app.leases import Lease
from app.models import LOCAL_OWNER, Document
from app.storage import Store, outline_key, source_key, text_key
from tests.ingest.made import make_pdf, make_zip
from tests.rows import LOCAL, claim
from tests.workers.reporters import reporter_of
from workers.parsing import parse_document

PDF = make_pdf([["First page."], ["Second page."]])


def begin(database: Database, store: Store, content: bytes) -> tuple[Document, Lease]:
    """Upload a document and claim its job."""
    file = Upload(BytesIO(content), "a.csv", None, "quick", {})
    with database.writing() as session:
        document, job = intake.create(session, store, LOCAL, file, 100_000, utc_now()).overview[:2]
    return document, claim(database, job.id)


def parse(database: Database, store: Store, lease: Lease, document_id: str) -> str:
    """Run the stage."""
    with database.reading() as session:
        document = documents.get(session, LOCAL_OWNER, document_id).document
    with reporter_of(database, lease) as reporter:
        return parse_document(database, store, lease, document, reporter)


def test_text_and_outline_lie_in_the_store(sqlite: Database, any_store: Store) -> None:
    """What is trained on is what is shown, and its pages are kept beside it."""
    document, lease = begin(sqlite, any_store, PDF)
    text = parse(sqlite, any_store, lease, document.id)
    outline = Outline.from_json(any_store.read(outline_key(document.id)))

    assert any_store.read(text_key(document.id)).decode() == text == "First page.\n\nSecond page."
    assert [text[page.start : page.end] for page in outline.pages] == text.split("\n\n")


def test_text_never_changes(sqlite: Database, store: Store) -> None:
    """A later attempt reads what the first one wrote: offsets point into it."""
    document, lease = begin(sqlite, store, PDF)
    text = parse(sqlite, store, lease, document.id)
    store.put(source_key(document.id), BytesIO(b"Something else."))

    assert parse(sqlite, store, lease, document.id) == text


@pytest.mark.parametrize("left", [b"short", b"\xff", None])
def test_damaged_text_is_made_anew(sqlite: Database, store: Store, left: bytes | None) -> None:
    """A text that is not as long as the row says, or gone, is parsed again."""
    document, lease = begin(sqlite, store, PDF)
    text = parse(sqlite, store, lease, document.id)
    store.delete(text_key(document.id))
    if left is not None:
        store.put(text_key(document.id), BytesIO(left))

    assert parse(sqlite, store, lease, document.id) == text
    assert store.read(text_key(document.id)).decode() == text


def test_document_that_is_refused_leaves_no_text(sqlite: Database, store: Store) -> None:
    """Nothing is written for what cannot be read."""
    document, lease = begin(sqlite, store, b"%PDF-1.7 and so on")

    with pytest.raises(DamagedDocumentError):
        parse(sqlite, store, lease, document.id)
    assert [found.key for found in store.list("documents")] == [source_key(document.id)]


def test_owner_is_told_what_was_left_out(sqlite: Database, store: Store) -> None:
    """Files of an archive that hold no text are named in the document's events."""
    document, lease = begin(sqlite, store, make_zip({"a.txt": "x", "b.png": b"\x89PNG\r\n\x1a\n"}))
    parse(sqlite, store, lease, document.id)
    with sqlite.reading() as session:
        logs = [event.data for event in find_after(session, document.id, 0, 100)]

    assert {"message": "Left out, not text: b.png."} in logs


def test_doctor_knows_the_outline(sqlite: Database, store: Store) -> None:
    """An outline is no file without a row."""
    document, lease = begin(sqlite, store, PDF)
    parse(sqlite, store, lease, document.id)

    assert examine(sqlite, store, utc_now() + 2 * YOUNG).findings == ()
