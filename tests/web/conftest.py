"""The page in a real browser, on a real port: with rows for documents, or with a whole server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.storage.folder import FolderStore
from tests.app.live import live_server
from tests.web.browsing import opened, running_chromium
from tests.web.reader import Reader
from tests.web.shelves import Shelf


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for all tests of a file."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def reader() -> Reader:
    """An engine without a model."""
    return Reader()


@pytest.fixture
def url(settings: Settings, sqlite: Database, reader: Reader) -> Iterator[str]:
    """The API with that engine and no worker, on a real port."""
    place = f"sqlite:///{settings.data_dir}/lift.db"
    settings = settings.model_copy(update={"database_url": place, "max_document_bytes": 20 * 1024})
    with live_server(create_app(settings, lambda _: reader)) as live:
        yield live.url


@pytest.fixture
def shelf(url: str, sqlite: Database, tmp_path: Path) -> Iterator[Shelf]:
    """Puts documents onto it."""
    with httpx.Client(base_url=url, trust_env=False) as http:
        yield Shelf(http, sqlite, FolderStore(tmp_path / "store"))


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The page on a desk, in light colours."""
    with opened(browser, url) as page:
        yield page
