import io

import pytest

from app.client import Client
from app.client_replies import ClientError
from tests.cli.conftest import PlayedServer, document, problem


def test_upload_sends_file_and_settings(played: PlayedServer) -> None:
    """A document goes out as multipart with its method options as one JSON field."""
    played.play("POST /documents", {"id": "d1"}, status=202)

    with Client(played.url) as client:
        document_id = client.upload(io.BytesIO(b"words"), "a.txt", options={"num_qa_pairs": 3})

    _, body = played.requests[0]
    assert document_id == "d1"
    assert b'filename="a.txt"' in body
    assert b"words" in body
    assert b'{"num_qa_pairs": 3}' in body
    assert b'name="title"' not in body


def test_upload_names_its_priority_where_it_has_one(played: PlayedServer) -> None:
    """Older servers, which know none, are not told of the usual one."""
    played.play("POST /documents", {"id": "d1"}, status=202)

    with Client(played.url) as client:
        client.upload(io.BytesIO(b"words"), "a.txt", priority=-5)
        client.upload(io.BytesIO(b"words"), "a.txt")

    first, second = (body for _, body in played.requests)
    assert b'name="priority"\r\n\r\n-5\r\n' in first
    assert b'name="priority"' not in second


def test_documents_follows_cursors(played: PlayedServer) -> None:
    """All pages of the list are gone through."""
    played.play("GET /documents", {"data": [document("ready")], "next_cursor": "c&2"})
    played.play("GET /documents?cursor=c%262", {"data": [document("queued")], "next_cursor": None})

    with Client(played.url) as client:
        statuses = [each.status for each in client.documents()]

    assert statuses == ["ready", "queued"]


def test_follow_ends_with_settled_document(played: PlayedServer) -> None:
    """Following gives every state that was seen and stops at the first that is final."""
    played.play("GET /documents/d1", *map(document, ("queued", "running", "ready", "never seen")))

    with Client(played.url) as client:
        statuses = [each.status for each in client.follow("d1", every_seconds=0)]

    assert statuses == ["queued", "running", "ready"]


def test_contents_of_a_document_are_read(played: PlayedServer) -> None:
    """Text comes as it is, pairs with the mark of those that were not trained on."""
    pair = {"question": "Who?", "answer": "Ada", "evidence": "Ada.", "start": 3}
    played.play("GET /documents/d1/text", "Ada. é\n")
    played.play("GET /documents/d1/qa-pairs", {"data": [pair, pair | {"is_held_back": True}]})

    with Client(played.url) as client:
        text, pairs = client.text("d1"), client.qa_pairs("d1")

    assert text == "Ada. é\n"
    assert [each.is_held_back for each in pairs] == [False, True]


def test_id_with_slash_stays_one_path_segment(played: PlayedServer) -> None:
    """An id from the command line cannot reach another path."""
    played.play("DELETE /documents/a%2Fb%3F", "", status=204)

    with Client(played.url) as client:
        client.delete("a/b?")

    assert played.requests[0][0] == "DELETE /documents/a%2Fb%3F"


def test_problem_becomes_error_with_detail_and_code(played: PlayedServer) -> None:
    """A refusal is raised with the problem's own words."""
    played.play("GET /documents/d1", problem(404, "document_not_found", "No such."), status=404)

    with Client(played.url) as client, pytest.raises(ClientError, match=r"^No such\.$") as caught:
        client.get("d1")

    assert caught.value.code == "document_not_found"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (502, "<html>", "the server answered 502 Bad Gateway"),
        (500, "[1]", "the server answered 500 Internal Server Error"),
        (200, '{"hello": "world"}', "is not a LIFT server"),
    ],
)
def test_foreign_answer_becomes_error(
    played: PlayedServer, status: int, body: str, message: str
) -> None:
    """What no LIFT server would say is one sentence, too."""
    played.play("GET /documents/d1", body, status=status)

    with Client(played.url) as client, pytest.raises(ClientError, match=message):
        client.get("d1")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1", "no server answers"),
        ("127.0.0.1:8000", "is not an http"),
        ("http://host:port", "is not a URL"),
    ],
)
def test_unusable_url_becomes_error(url: str, message: str) -> None:
    """A server that is away and a URL that is none are told apart."""
    with pytest.raises(ClientError, match=message), Client(url) as client:
        client.get("d1")
