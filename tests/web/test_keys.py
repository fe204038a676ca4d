"""The page of a server that asks for keys: entered once, forgotten with the tab, nowhere else."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app import keys
from app.clock import utc_now
from app.db import Database
from app.main import create_app
from app.models import ApiKey
from app.settings import Settings
from tests.app.keyed import bearer, make_key
from tests.app.live import live_server
from tests.web.browsing import opened
from tests.web.reader import Reader
from tests.web.shelves import Shelf


@pytest.fixture
def url(settings: Settings, sqlite: Database, reader: Reader) -> Iterator[str]:
    """The API, which asks for keys."""
    place = f"sqlite:///{settings.data_dir}/lift.db"
    settings = settings.model_copy(update={"database_url": place, "auth": "keys"})
    with live_server(create_app(settings, lambda _: reader)) as live:
        yield live.url


def make_owner(url: str, database: Database, name: str, **wish: object) -> str:
    """Make a key and a document of a new owner; returns the key."""
    secret = make_key(database, name).secret
    body = {"text": f"{name}'s text", "title": f"The diary of {name}"}
    httpx.post(f"{url}/documents", json=body, headers=bearer(secret), trust_env=False)
    return str(make_key(database, f"{name}2", owner=name, **wish).secret) if wish else secret


def revoke_all_but(database: Database, name: str) -> None:
    """End all keys but one."""
    with database.writing() as session:
        for row in session.scalars(select(ApiKey).where(ApiKey.name != name)):
            keys.revoke(session, row.id, utc_now())


def enter(page: Page, key: str) -> None:
    """Give the key that is asked for."""
    dialog = page.get_by_role("dialog", name="A key is needed")
    dialog.get_by_label("Key").fill(key)
    dialog.get_by_role("button", name="Use this key").click()


def test_two_owners_see_their_own_documents_alone(
    browser: Browser, url: str, sqlite: Database
) -> None:
    """Each with a key in a tab; what one had opened the other never sees in the same tab."""
    ann, bob = (make_owner(url, sqlite, name) for name in ("ann", "bob"))
    with opened(browser, url) as page:
        enter(page, ann)
        page.get_by_role("link", name="The diary of ann").click()
        expect(page.get_by_role("heading", name="The diary of ann")).to_be_visible()
        page.get_by_role("button", name="Forget the key").click()
        enter(page, bob)

        expect(page.get_by_role("link", name="The diary of bob")).to_be_visible()
        expect(page.get_by_text("The diary of ann")).to_have_count(0)
        expect(page.get_by_role("heading", name="No such document")).to_be_visible()


def test_key_is_asked_for_once_and_stays_in_the_tab(
    browser: Browser, url: str, sqlite: Database
) -> None:
    """One question for all calls that wait; a reload asks nothing; no address ever holds it."""
    key = make_owner(url, sqlite, "ann")
    with opened(browser, url) as page:
        asked: list[str] = []
        page.context.on("request", lambda request: asked.append(request.url))
        enter(page, key)
        expect(page.get_by_role("link", name="The diary of ann")).to_be_visible()
        page.reload()
        expect(page.get_by_role("link", name="The diary of ann")).to_be_visible()

        assert page.get_by_role("dialog").count() == 0
        assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        assert asked
        assert not [address for address in asked if key in address]


def test_wrong_key_is_told_and_may_be_declined(browser: Browser, url: str) -> None:
    """The server's words stand in the dialog; without a key the page says so and stays calm."""
    with opened(browser, url) as page:
        enter(page, "lift_wrong\u200b…")
        dialog = page.get_by_role("dialog", name="A key is needed")
        expect(dialog).to_contain_text("The key was not accepted.")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_role("button", name="Enter a key").first.click()

        expect(dialog).to_be_visible()


def test_what_needed_a_key_goes_on_with_the_next_one(
    browser: Browser, url: str, sqlite: Database
) -> None:
    """A key is revoked while the page is open: the upload waits for another one, and arrives."""
    key = make_owner(url, sqlite, "ann")
    with opened(browser, url) as page:
        enter(page, key)
        expect(page.get_by_role("link", name="The diary of ann")).to_be_visible()
        another = make_key(sqlite, "laptop", owner="ann").secret
        revoke_all_but(sqlite, "laptop")
        page.get_by_text("Paste text instead").click()
        page.get_by_label("Title").fill("Late words")
        page.get_by_label("Text", exact=True).fill("They came after all.")
        page.get_by_role("button", name="Add this text").click()
        enter(page, another)

        expect(page.get_by_role("link", name="Open it")).to_be_visible()
        expect(page.get_by_role("link", name="Late words", exact=True)).to_be_visible()


def test_reading_key_is_offered_no_changes(browser: Browser, url: str, sqlite: Database) -> None:
    """Who may only read and ask sees neither the way in nor what changes documents."""
    key = make_owner(url, sqlite, "ann", scopes={"read"})
    with opened(browser, url) as page:
        enter(page, key)

        expect(page.get_by_text("This key may read and ask, but not upload.")).to_be_visible()
        expect(page.get_by_role("link", name="The diary of ann")).to_be_visible()
        expect(page.get_by_role("button", name="Delete")).to_have_count(0)


def test_browser_keeps_nothing_that_needed_a_key(
    browser: Browser, url: str, shelf: Shelf, sqlite: Database
) -> None:
    """A text that was shown is not on the disk when the key is gone."""
    key = make_owner(url, sqlite, "ann")
    shelf.http.headers.update(bearer(key))
    [document] = shelf.http.get("/documents").json()["data"]
    shelf.train(document["id"], 1)
    with opened(browser, url) as page:
        enter(page, key)
        page.goto(f"/#/{document['id']}/text")
        expect(page.locator(".reading")).to_contain_text("The diary of ann")
        page.get_by_role("button", name="Forget the key").click()
        expect(page.get_by_role("dialog", name="A key is needed")).to_be_visible()
        for path in (
            "/documents?limit=20",
            *(f"/documents/{document['id']}{p}" for p in ("", "/text")),
        ):
            kept = page.evaluate(
                """path => fetch(path, { cache: "only-if-cached", mode: "same-origin" })
                  .then(response => response.ok, () => false)""",
                path,
            )

            assert kept is False, path


def test_key_works_where_the_browser_stores_nothing(
    browser: Browser, url: str, sqlite: Database
) -> None:
    """With all storing forbidden the page asks for the key, and has it until a reload."""
    key = make_owner(url, sqlite, "ann")
    forbid = """Object.defineProperty(window, "sessionStorage", {
      get() { throw new DOMException("forbidden", "SecurityError"); },
    });"""
    with opened(browser, url) as page:
        page.add_init_script(forbid)
        page.reload()
        enter(page, key)

        expect(page.get_by_role("link", name="The diary of ann")).to_be_visible()
