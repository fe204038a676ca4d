"""A server that goes away and comes back while the page is open."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.storage.folder import FolderStore
from tests.app.live import live_server
from tests.web.asking import ask
from tests.web.browsing import opened
from tests.web.reader import FROM_MEMORY, Reader
from tests.web.shelves import HELPS, Shelf


class Restarted:
    """A server that can be stopped and started again under the same address."""

    def __init__(self, settings: Settings) -> None:
        self.reader = Reader()
        self._settings, self._running, self._port = settings, ExitStack(), 0
        self.start()

    def start(self) -> None:
        app = create_app(self._settings, lambda _: self.reader)
        live = self._running.enter_context(live_server(app, self._port))
        self.url, self._port = live.url, int(live.url.rpartition(":")[2])

    def stop(self) -> None:
        self._running.close()


@pytest.fixture
def server(settings: Settings, sqlite: Database) -> Iterator[Restarted]:
    """The API with an engine that says sentences."""
    place = f"sqlite:///{settings.data_dir}/lift.db"
    server = Restarted(settings.model_copy(update={"database_url": place}))
    yield server
    server.stop()


@pytest.fixture
def shelf(server: Restarted, sqlite: Database, tmp_path: Path) -> Iterator[Shelf]:
    """Its documents."""
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        yield Shelf(http, sqlite, FolderStore(tmp_path / "store"))


def test_training_is_followed_across_a_restart(
    browser: Browser, server: Restarted, shelf: Shelf
) -> None:
    """While the server is away the page says so; afterwards it shows what happened meanwhile."""
    document_id = shelf.add_sample("kitepost")
    lease = shelf.train(document_id, 3)
    with opened(browser, server.url) as page:
        page.goto(f"/#/{document_id}")
        expect(page.locator("figcaption")).to_contain_text("after 3 steps")
        server.stop()
        shelf.take_step(lease, 4)
        expect(page.get_by_role("alert").first).to_contain_text("The server cannot be reached.")
        server.start()

        expect(page.locator("figcaption")).to_contain_text("after 4 steps")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_answer_cut_off_by_a_restart_is_kept_and_asked_again(
    browser: Browser, server: Restarted, shelf: Shelf
) -> None:
    """What was said stays, the page says what happened, and the next try is answered."""
    document_id = shelf.make_ready("kitepost", HELPS)
    server.reader.breath_seconds = 0.5
    with opened(browser, server.url) as page:
        page.goto(f"/#/{document_id}")
        ask(page)
        expect(page.locator(".answer")).to_contain_text("Every letter")
        server.reader.breaks_off = True
        server.stop()
        expect(page.locator(".exchange").get_by_role("alert")).to_be_visible()
        expect(page.locator(".answer")).to_contain_text("Every letter")
        server.reader = Reader()
        server.start()
        page.get_by_role("button", name="Ask again").click()

        expect(page.locator(".answer").first).to_contain_text(FROM_MEMORY)
