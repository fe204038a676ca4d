"""What a foreign web page could make a browser send to a server that asks for no key."""

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.own_host import is_loopback
from app.settings import Settings
from tests.fakes import FakeAnswerer

FORM = {"file": ("a.txt", b"x")}


def get_status(settings: Settings, host: str) -> int:
    app = create_app(settings, lambda _: FakeAnswerer())
    with TestClient(app) as client:
        return client.get("/healthz", headers={"host": host}).status_code


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""]
)
def test_foreign_name_is_refused(client: TestClient, host: str) -> None:
    """A page whose name was pointed at this machine reads nothing."""
    response = client.get("/documents", headers={"host": host})

    assert (response.status_code, response.json()["code"]) == (421, "host_not_allowed")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
def test_own_names_are_answered(client: TestClient, host: str) -> None:
    """The machine's own names work with any port."""
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.usefixtures("sqlite")
@pytest.mark.parametrize(
    ("update", "host", "status"),
    [
        ({"host": "192.0.2.7"}, "192.0.2.7:8000", 200),
        ({"host": "0.0.0.0"}, "0.0.0.0:8000", 421),
        ({"allowed_hosts": "lift.example, other.example"}, "other.example", 200),
        ({"allowed_hosts": "lift.example"}, "evil.example", 421),
        ({"allowed_hosts": "*"}, "evil.example", 200),
    ],
)
def test_settings_add_names(
    settings: Settings, update: dict[str, str], host: str, status: int
) -> None:
    """The address to listen on and LIFT_ALLOWED_HOSTS are names, too; all addresses are none."""
    assert get_status(settings.model_copy(update=update), host) == status


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9", "null"])
def test_form_of_another_origin_is_refused(client: TestClient, origin: str) -> None:
    """A foreign page starts no training; a program, which names no origin, does."""
    response = client.post("/documents", files=FORM, headers={"origin": origin})

    assert (response.status_code, response.json()["code"]) == (403, "cross_origin")
    assert client.get("/documents").json()["data"] == []


def test_form_of_the_own_origin_passes(client: TestClient) -> None:
    """A page of this server may upload."""
    response = client.post("/documents", files=FORM, headers={"origin": "http://127.0.0.1"})

    assert response.status_code == 202


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_loopback_is_told(host: str, expected: bool) -> None:
    """Only addresses that no other machine reaches are loopback."""
    assert is_loopback(host) is expected
