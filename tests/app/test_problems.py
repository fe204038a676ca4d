"""What every refusal carries: a stable type, what to do, when to come again, what is allowed."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app import errors
from app.db import migrate
from app.errors import ApiError
from app.main import create_app
from app.problems import problem_response
from app.settings import Settings
from tests.fakes import FakeAnswerer
from tests.postgres import PostgresServer

_TABLE = Path("app/routes/README.md")
_OF_FRAMEWORK = {"bad_request", "internal_error", "invalid_request", "method_not_allowed"}
_OF_FRAMEWORK |= {"not_found"}


def refusals(kind: type[ApiError] = ApiError) -> Iterator[type[ApiError]]:
    """Go through the tree of errors, but those that speak OpenAI's dialect alone."""
    for each in kind.__subclasses__():
        if not each.__module__.startswith("app.openai"):
            yield each
        yield from refusals(each)


def made(kind: type[ApiError]) -> ApiError:
    """Make an error with its own message, whatever it wants to be told."""
    error = kind.__new__(kind)
    ApiError.__init__(error)
    return error


def table() -> dict[str, tuple[int, str]]:
    """Read the table of codes: the status and the advice of each."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", _TABLE.read_text(), re.MULTILINE)
    assert len(rows) == len({code for code, _, _ in rows}), "a code stands twice"
    return {code: (int(status), advice) for code, status, advice in rows}


def test_table_names_every_refusal() -> None:
    """Whoever adds a refusal says there what its reader is to do."""
    codes = {each.code: each.status for each in refusals()}
    told = {code: status for code, (status, _) in table().items() if code not in _OF_FRAMEWORK}

    assert told == codes
    assert table().keys() >= _OF_FRAMEWORK


def test_codes_are_unique_words() -> None:
    """A code names one refusal for good: clients compare it."""
    codes = [each.code for each in refusals()]

    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("path", ["/documents", "/v1/models"])
@pytest.mark.parametrize("kind", [each for each in refusals() if each.status in (429, 503)])
def test_refusal_for_a_while_says_when_to_come_again(kind: type[ApiError], path: str) -> None:
    """A client need not guess, in either dialect."""
    assert int(problem_response(path, made(kind)).headers["retry-after"]) > 0


def test_own_retry_time_goes_before_the_usual_one() -> None:
    """An error that knows better is believed."""
    error = errors.RateLimitedError("too many", retry_seconds=37)

    assert problem_response("/documents", error).headers.getlist("retry-after") == ["37"]


def test_lasting_refusal_asks_nobody_to_come_again() -> None:
    """What was wrong stays wrong."""
    assert "retry-after" not in problem_response("/x", errors.DocumentEmptyError()).headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/documents", {"GET", "POST"}),
        ("PATCH", "/documents/doc_1", {"GET", "DELETE"}),
        ("GET", "/documents/doc_1/ask", {"POST"}),
        ("POST", "/healthz", {"GET"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
    ],
)
def test_wrong_method_is_told_all_that_are_right(
    client: TestClient, method: str, path: str, allowed: set[str]
) -> None:
    """Allow holds the methods of all routes of the path, and each of them is taken."""
    response = client.request(method, path)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert set(response.headers["allow"].split(", ")) == allowed
    assert all(client.request(each, path).status_code != 405 for each in allowed)
    assert all(each in response.json()["detail"] for each in allowed)


def test_database_that_is_away_returns_503(settings: Settings) -> None:
    """Nobody's request was wrong, and later it may be answered."""
    with tempfile.TemporaryDirectory(prefix="lift-pg-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        migrate(server.url)
        with_own = settings.model_copy(update={"database_url": server.url})
        app = create_app(with_own, lambda _: FakeAnswerer())
        with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
            before = client.get("/documents")
            server.stop()
            responses = [client.get("/documents"), client.post("/documents", json={"text": "x"})]

    assert before.status_code == 200
    for response in responses:
        assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
        assert int(response.headers["retry-after"]) > 0
