"""One document on the page: as it is trained, what was measured of it, its text."""

import re

from playwright.sync_api import Page, expect

from tests.web.asking import ask
from tests.web.shelves import DOES_NOT_HELP, HELPS, Shelf


def test_training_is_seen_as_it_happens(page: Page, shelf: Shelf) -> None:
    """Stages, steps, time left, the loss; the box is shut and says why, then it opens."""
    document_id = shelf.add_sample("kitepost")
    page.goto(f"/#/{document_id}")
    expect(page.get_by_text("It is the next one.")).to_be_visible()
    lease = shelf.train(document_id, 3)
    expect(page.locator(".stages .running")).to_have_text("Training the memory")
    expect(page.locator(".training")).to_contain_text("left")
    shelf.take_step(lease, 4)
    expect(page.locator("figcaption")).to_contain_text("after 4 steps")
    expect(page.get_by_label("Your question")).to_be_disabled()
    expect(page.get_by_text("Its memory is still being trained.")).to_be_visible()
    page.get_by_label("Answer from passages of the text").check()
    ask(page)
    expect(page.get_by_text("the memory is still in the making")).to_be_visible()
    shelf.finish(document_id, lease, HELPS)

    expect(page.locator(".facts")).to_contain_text("Ready")
    expect(page.locator(".training")).to_have_count(0)


def test_followed_document_is_asked_for_now_and_then_only(page: Page, shelf: Shelf) -> None:
    """A page that stands open sends a request every few seconds, not one after the other."""
    document_id = shelf.add_sample("kitepost")
    shelf.train(document_id, 2)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/#/{document_id}")
    expect(page.locator("figcaption")).to_contain_text("after 2 steps")
    page.wait_for_timeout(2500)

    assert len([url for url in asked if f"/documents/{document_id}" in url]) <= 4, asked


def test_memory_that_does_not_help_is_labelled_so(page: Page, shelf: Shelf) -> None:
    """On every part of the document, and with its numbers in the report."""
    page.goto(f"/#/{shelf.make_ready('kitepost', DOES_NOT_HELP)}")
    page.get_by_role("link", name="No measured help").click()

    expect(page.get_by_text("This memory was not measured to help")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("Without any memory"))
    expect(row).to_contain_text("−5.53")
    page.get_by_text("Questions written about it").click()
    expect(page.get_by_text("Grey wax and a jay feather.")).to_be_visible()


def test_unknown_document_is_told(page: Page) -> None:
    """An address of a document that is gone leads back to the list."""
    page.goto("/#/doc_01m82qqet1xhfncebrhppp5bt9")

    expect(page.get_by_role("heading", name="No such document")).to_be_visible()
    expect(page.get_by_role("link", name="All documents")).to_be_visible()


def test_text_of_a_document_is_shown_as_text(page: Page, shelf: Shelf) -> None:
    """What looks like HTML in a document or title is words, not elements."""
    title = "<img src=x onerror=alert(1)>"
    document_id = shelf.add(title)
    shelf.train(document_id, 1)
    page.goto(f"/#/{document_id}/text")

    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator(".reading")).to_contain_text("<img")
    assert page.locator("main img[src=x]").count() == 0


def test_document_is_cancelled_retried_and_deleted_on_its_row(page: Page, shelf: Shelf) -> None:
    """What ends something asks first; after the last step there is nothing left, here or there."""
    shelf.train(shelf.add("A ledger"), 2)
    page.reload()
    row = page.locator(".row", has_text="A ledger")
    row.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Go on training").click()
    expect(row).to_contain_text("Training")
    row.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the training").click()
    expect(row).to_contain_text("Cancelled")
    row.get_by_role("button", name="Retry").click()
    expect(row).to_contain_text("Waiting, place 1")
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()

    expect(row).to_have_count(0)
    assert shelf.http.get("/documents").json()["data"] == []


def test_refused_action_stands_on_its_row(page: Page, shelf: Shelf) -> None:
    """A retry that the server cannot do now says so on the row, and the next one clears it."""
    document_id = shelf.add("A ledger")
    shelf.http.post(f"/documents/{document_id}/cancel")
    page.reload()
    row = page.locator(".row", has_text="A ledger")
    page.route("**/retry", lambda route: route.abort())
    row.get_by_role("button", name="Retry").click()
    expect(row.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    page.unroute("**/retry")
    row.get_by_role("button", name="Retry").click()

    expect(row).to_contain_text("Waiting")
    expect(row.get_by_role("alert")).to_have_count(0)


def test_document_that_cannot_be_had_now_is_not_called_missing(page: Page, shelf: Shelf) -> None:
    """A server that is away has not lost the document; it is shown as soon as it can be had."""
    document_id = shelf.add("A ledger")
    page.route(f"**/documents/{document_id}", lambda route: route.abort())
    page.goto(f"/#/{document_id}")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("This document cannot be shown now")
    page.unroute(f"**/documents/{document_id}")

    expect(heading).to_have_text("A ledger")


def test_passage_is_marked_behind_letters_that_javascript_counts_twice(
    page: Page, shelf: Shelf
) -> None:
    """Faces, families and old scripts in front of it move no mark."""
    passage = "The lamp of Osmerrow is lit at dusk by the youngest child."
    odd = "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U00010330 e\u0301. " * 200
    text = f"# One\n\n{odd}\n\n# Two\n\n{passage}\n\n# Three\n\n{odd}"
    document_id = shelf.add("A book of faces", text)
    shelf.finish(document_id, shelf.train(document_id, 1, text), HELPS)
    page.goto(f"/#/{document_id}")
    ask(page, "Who lights the lamp of Osmerrow?")
    page.get_by_role("link", name="Open in the text").first.click()

    evidence = shelf.http.post(
        f"/documents/{document_id}/ask", json={"question": "Who lights the lamp of Osmerrow?"}
    ).json()["evidence"][0]
    marked = page.locator("mark").evaluate("mark => mark.textContent")
    assert marked == evidence["text"]
    assert passage in marked


def test_text_that_was_lost_on_its_way_is_fetched_again(page: Page, shelf: Shelf) -> None:
    """It is asked for at a wish, since a document that is ready does not change."""
    document_id = shelf.make_ready("kitepost", HELPS)
    page.route("**/text", lambda route: route.abort())
    page.goto(f"/#/{document_id}/text")
    main = page.get_by_role("main")
    expect(main.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    page.unroute("**/text")
    main.get_by_role("button", name="Try again").click()

    expect(page.locator(".reading")).to_contain_text("Kite Post")
