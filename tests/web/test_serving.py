"""What the server sends for the page, looked at without a browser: headers, sizes, addresses."""

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.web import serving
from tests.conftest import DEAD_BROKER
from tests.fakes import FakeAnswerer

MOST_BYTES = 300 * 1024
ASSETS = sorted(serving.PATHS - {"/"})


@pytest.fixture(scope="module", params=["off", "keys"])
def client(
    request: pytest.FixtureRequest,
    migrated_sqlite: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TestClient]:
    """A client without a key, of a server that asks for none and of one that does."""
    folder = tmp_path_factory.mktemp(request.param)
    url = f"sqlite:///{shutil.copy(migrated_sqlite, folder / 'lift.db')}"
    settings = Settings(
        data_dir=folder,
        database_url=url,
        broker_url=DEAD_BROKER,
        sweep_seconds=3600.0,
        auth=request.param,
    )
    app = create_app(settings, lambda _: FakeAnswerer())
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def test_page_and_all_its_files_need_no_key(client: TestClient) -> None:
    """Who has no key yet must see where to enter it."""
    for path in ("/", *ASSETS):
        assert client.get(path).status_code == 200, path
        assert client.head(path).status_code == 200, path


def test_page_names_only_files_that_there_are(client: TestClient) -> None:
    """Whatever the page asks for is served beside it."""
    named = set(re.findall(r'(?:src|href)="(.*?)"', client.get("/").text))

    assert named
    assert named <= set(ASSETS)


@pytest.mark.parametrize("path", ["/", *ASSETS])
def test_nothing_foreign_may_be_loaded_or_run(client: TestClient, path: str) -> None:
    """The policy begins with nothing and knows neither inline code nor another host."""
    headers = client.get(path).headers
    policy = headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "data:" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_page_is_asked_for_each_time_and_its_files_never_again(client: TestClient) -> None:
    """A new version is seen at once; what has its content in its name is kept for good."""
    page = client.get("/")
    again = client.get("/", headers={"If-None-Match": page.headers["etag"]})

    assert page.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
    for path in ASSETS:
        assert re.search(r"-[\w-]{8}\.\w+$", path), path
        assert client.get(path).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_files_are_small_enough_and_sent_packed(client: TestClient) -> None:
    """Everything together, packed, is below the limit."""
    packed = {path: len(gzip.compress(client.get(path).content)) for path in ("/", *ASSETS)}
    script = next(path for path in ASSETS if path.endswith(".js"))

    assert sum(packed.values()) <= MOST_BYTES, packed
    assert client.get(script).headers["content-encoding"] == "gzip"


def test_files_name_no_address_elsewhere() -> None:
    """There is no URL in them but names of XML dialects, which nobody fetches."""
    names = {"http://www.w3.org/"}
    for file in serving.FOLDER.iterdir():
        urls = re.findall(r"https?://[\w.]+/?", file.read_text())
        assert set(urls) <= names, file.name


@pytest.mark.parametrize(
    "path", ["/assets/index.html", "/assets/..%2fserving.py", "/assets/", "/index.html", "/web"]
)
def test_paths_beside_the_page_are_problems(client: TestClient, path: str) -> None:
    """What is not one of its files is refused as everywhere, and shut where keys are asked for."""
    response = client.get(path)

    assert response.status_code in (401, 404)
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", ASSETS[0]])
def test_page_cannot_be_changed(client: TestClient, path: str) -> None:
    """Other methods are refused with those that there are."""
    response = client.post(path, json={})

    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


def test_page_answers_under_the_servers_own_names_alone(client: TestClient) -> None:
    """A foreign name that points at this machine gets no page, either."""
    response = client.get("/", headers={"Host": "evil.example"})

    assert (response.status_code, response.json()["code"]) == (421, "host_not_allowed")


def test_page_is_no_part_of_the_interface(client: TestClient) -> None:
    """Generators see calls, not the page."""
    paths = client.get("/openapi.json").json()["paths"]

    assert not set(paths) & (serving.PATHS | {"/assets/{name}"})
