"""Questions and answers on the page: where an answer came from, and how to check it."""

import re

from playwright.sync_api import Page, expect

from tests.web.asking import ask
from tests.web.reader import FROM_MEMORY, FROM_NOTHING, FROM_PASSAGES, Reader
from tests.web.shelves import HELPS, Shelf


def test_answer_tells_its_share_of_memory_and_is_shaded_on_demand(page: Page, shelf: Shelf) -> None:
    """The bar has words, too; each token says its share; a quiet sentence warns of needles."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}")
    ask(page)

    expect(page.locator(".answer")).to_contain_text(FROM_MEMORY)
    expect(page.get_by_role("meter")).to_have_attribute("aria-valuetext", re.compile(r"^17 %$"))
    expect(page.get_by_text("Exact numbers, dates and names")).to_be_visible()
    page.get_by_role("button", name="Shade by memory").click()
    expect(page.locator(".token").first).to_have_attribute("title", "memory 6 %")
    expect(page.get_by_text("Memory's share by token, from 6 % to 28 %.")).to_be_visible()


def test_stop_ends_the_answer_on_the_server(page: Page, shelf: Shelf, reader: Reader) -> None:
    """What was said until then stays, and the engine makes no further word."""
    reader.breath_seconds = 0.4
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}")
    ask(page)
    expect(page.locator(".answer")).to_contain_text("Every letter")
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Stopped by you.")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("Every letter")
    assert reader.ended_early.wait(10)


def test_answer_that_breaks_off_says_so_and_is_asked_again(
    page: Page, shelf: Shelf, reader: Reader
) -> None:
    """The server's own words stand beside the half answer."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}")
    reader.breaks_off = True
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("The engine was stopped; ask again.")
    expect(page.locator(".answer")).to_contain_text("Every letter is closed")
    reader.breaks_off = False
    page.get_by_role("button", name="Ask again").click()

    expect(page.locator(".answer").first).to_contain_text(FROM_MEMORY)


def test_evidence_opens_the_text_at_its_place(page: Page, shelf: Shelf) -> None:
    """The passage is marked, seen and has the focus; going back leads to the answer."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}")
    ask(page)
    passage = page.locator(".evidence li", has_text="grey wax and a jay feather").first
    passage.get_by_role("link", name="Open in the text").click()
    mark = page.locator("mark")
    expect(mark).to_contain_text("It is sealed with grey wax and a jay feather.")
    expect(mark).to_be_in_viewport()
    expect(mark).to_be_focused()
    page.go_back()

    expect(page.locator(".answer")).to_contain_text(FROM_MEMORY)


def test_answer_without_a_passage_says_that_memory_is_all_there_was(
    page: Page, shelf: Shelf
) -> None:
    """With the memory alone, and words that the text does not have."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}")
    page.get_by_text("How it is answered").click()
    page.get_by_label("Beside the memory stands").select_option("none")
    ask(page, "Zebras?")

    expect(page.get_by_text("No passage found: this came from memory alone.")).to_be_visible()


def test_three_answers_stand_side_by_side(page: Page, shelf: Shelf) -> None:
    """With memory, without, and with what was looked up; each as a question of its own."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}/compare")
    ask(page, label="Question to compare")

    for name, words in (
        ("With the memory", FROM_MEMORY),
        ("Without the memory", FROM_NOTHING),
        ("With passages looked up", FROM_PASSAGES),
    ):
        side = page.get_by_role("region", name=name, exact=True)
        expect(side.locator(".answer")).to_contain_text(words)
    boxes = [side.bounding_box() for side in page.locator(".side").all()]
    assert len({box["y"] for box in boxes if box}) == 1


def test_several_documents_answer_and_one_answer_is_composed(page: Page, shelf: Shelf) -> None:
    """The box is shut until one is chosen; each answer stands under its document's name."""
    for name in ("kitepost", "osmerrow"):
        shelf.make_ready(name, HELPS)
    page.goto("/#/several")
    page.reload()
    expect(page.get_by_text("Choose at least one document.")).to_be_visible()
    for box in page.get_by_role("checkbox").all():
        box.check()
    ask(page)

    expect(page.get_by_text("Composed by the base model, without any memory.")).to_be_visible()
    for title in ("The Kite Post of Ulverdane", "A Guide to the Harbour of Osmerrow"):
        part = page.get_by_role("region", name=f"Answer of {title}")
        expect(part).to_contain_text(FROM_MEMORY)


def test_question_is_copied_as_the_code_that_asks_it(page: Page, shelf: Shelf) -> None:
    """The very question, in three languages."""
    document_id = shelf.make_ready("kitepost", HELPS)
    page.goto(f"/#/{document_id}")
    ask(page, 'Who\'s "it"?')
    page.get_by_text("Copy as code").click()
    for language, words in (
        ("curl", '\'{"question":"Who\'\\\'\'s \\"it\\"?"'),
        ("Python", 'json={"question": "Who\'s \\"it\\"?"'),
        ("TypeScript", '"question": "Who\'s \\"it\\"?"'),
    ):
        page.get_by_label("Language").select_option(language)
        code = page.locator(".snippet code").inner_text()
        assert words in code
        assert f"/documents/{document_id}/ask" in code
