"""Small screens, both colour schemes, and hands that use a keyboard alone."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.waiting import wait_until
from tests.web.asking import QUESTION, ask
from tests.web.browsing import PHONE, opened
from tests.web.reader import FROM_MEMORY
from tests.web.shelves import HELPS, Shelf


def test_phone_scrolls_down_only(browser: Browser, url: str, shelf: Shelf) -> None:
    """On 360 pixels no view is wider than the screen, and compared answers stack."""
    ready = shelf.make_ready("kitepost", HELPS)
    training = shelf.add("Lease_of_the_Lower_Mill_with_all_schedules_and_the_letters.pdf")
    shelf.train(training, 4)
    with opened(browser, url, viewport=PHONE) as page:
        for address in (
            "",
            f"{ready}",
            f"{ready}/compare",
            f"{ready}/text",
            f"{ready}/report",
            f"{training}",
            "several",
        ):
            page.goto(f"/#/{address}")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            if address.endswith("compare"):
                ask(page, label="Question to compare")
                expect(page.locator(".side .source")).to_have_count(3)
                page.get_by_text("Copy as code").first.click()
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], address


def test_both_colour_schemes_are_drawn(browser: Browser, url: str, shelf: Shelf) -> None:
    """Light is light and dark is dark, the curve included."""
    shelf.train(document_id := shelf.add("T"), 5)
    grounds = {}
    for scheme in ("light", "dark"):
        with opened(browser, url, color_scheme=scheme) as page:
            page.goto(f"/#/{document_id}")
            expect(page.locator("canvas")).to_be_visible()
            colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            grounds[scheme] = sum(map(int, re.findall(r"\d+", colour)))

    assert grounds["light"] > 600
    assert grounds["dark"] < 150


def test_hebrew_and_arabic_begin_at_the_right(page: Page, shelf: Shelf) -> None:
    """A title and a text stand as their script is read, each paragraph by itself."""
    text = "ספר הים והמנורה.\n\nThe lamp is lit at dusk."
    shelf.train(document_id := shelf.add("ספר הים", text), 1, text)
    page.goto(f"/#/{document_id}/text")
    expect(page.locator(".reading")).to_contain_text("lit at dusk")
    from_left = """element => {
      const range = document.createRange();
      range.selectNodeContents(element);
      return [...range.getClientRects()].map(
        (line) => Math.round(line.left - element.getBoundingClientRect().left));
    }"""
    first, *_, last = page.locator(".reading").evaluate(from_left)
    [title] = page.get_by_role("heading", level=1).evaluate(from_left)

    assert first > 100
    assert title > 100
    assert last == 0


def test_bars_are_seen_in_forced_colours(browser: Browser, url: str, shelf: Shelf) -> None:
    """Where a system sets the colours, a bar is filled with one of them, not with none."""
    shelf.train(document_id := shelf.add("T"), 17)
    with opened(browser, url, forced_colors="active") as page:
        page.goto(f"/#/{document_id}")
        filled = page.locator(".training .bar .filled")
        expect(filled).to_be_attached()
        ground, bar = (
            element.evaluate("element => getComputedStyle(element).backgroundColor")
            for element in (page.locator("html"), filled)
        )

    assert bar not in (ground, "rgba(0, 0, 0, 0)")


def test_everything_is_done_by_keyboard(page: Page, shelf: Shelf) -> None:
    """From the skip link to the answer and through a dialog, with the focus seen and given back."""
    shelf.make_ready("kitepost", HELPS)
    page.reload()
    expect(page.get_by_role("link", name="The Kite Post of Ulverdane")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.get_by_role("link", name="The Kite Post of Ulverdane").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    for _ in range(6):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_contain_text(FROM_MEMORY)
    expect(page.get_by_role("status").filter(has_text="The answer is complete")).to_be_attached()
    delete = page.locator(".facts").get_by_role("button", name="Delete")
    delete.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(delete).to_be_focused()
    wait_until(lambda: len(shelf.http.get("/documents").json()["data"]) == 1)
