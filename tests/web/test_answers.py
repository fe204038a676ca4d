"""Questions and answers on the page: where an answer came from, and how to check it."""

import json
import os
import re
import subprocess
import sys

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


def test_unrelated_question_is_answered_without_the_memory_and_says_so(
    page: Page, shelf: Shelf
) -> None:
    """No bar stands there, but the reason."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS, least_relatedness=0.85)}")
    ask(page, "What is the capital of Japan?")

    expect(
        page.get_by_text("by its words, the question is hardly about the document")
    ).to_be_visible()
    expect(page.get_by_role("meter")).to_have_count(0)


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
    said = page.get_by_role("status").filter(has_text="The comparison is complete")
    expect(said).to_be_attached()


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


def test_copied_code_asks_the_very_question(page: Page, shelf: Shelf, reader: Reader) -> None:
    """Whatever stands in it: a shell carries none of it out, Python asks it to the letter."""
    question = 'Who\'s "it"?\n$(touch gone) `id` \\ \\n \U0001f600 !! ${HOME} %s é'
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}")
    ask(page, question)
    expect(page.locator(".answer")).to_contain_text(FROM_MEMORY)
    page.get_by_text("Copy as code").click()
    code = page.locator(".snippet code")
    shell = f"curl() {{ printf '%s\\0' \"$@\"; }}\n{code.inner_text()}"
    arguments = _output_of(["bash", "-c", shell]).split("\0")
    page.get_by_label("Language").select_option("Python")
    told = _output_of([sys.executable, "-c", code.inner_text()])

    assert json.loads(arguments[arguments.index("-d") + 1])["question"] == question
    assert told.strip() == FROM_MEMORY
    assert [each.question for each in reader.asks] == [question, question]


def _output_of(command: list[str]) -> str:
    environment = os.environ | {"NO_PROXY": "*", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    return done.stdout


def test_end_of_an_answer_is_said_once(page: Page, shelf: Shelf) -> None:
    """Who comes back to an answer is not told again that it is complete."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}")
    said = page.get_by_role("status")
    ask(page)
    expect(said).to_have_text("The answer is complete")
    page.get_by_text("Copy as code").click()
    page.get_by_role("button", name="Copy").click()
    expect(said).to_have_text(re.compile("^Copied|^Selected"))
    page.get_by_role("link", name="Report").click()
    page.get_by_role("link", name="Ask", exact=True).click()
    expect(page.locator(".answer")).to_contain_text(FROM_MEMORY)
    page.wait_for_timeout(300)

    expect(said).to_have_text(re.compile("^Copied|^Selected"))


def test_key_that_is_held_asks_once(page: Page, shelf: Shelf, reader: Reader) -> None:
    """A finger that rests on Enter sends no second question."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}")
    page.get_by_label("Your question").fill("Who?")
    for _ in range(3):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.locator(".answer")).to_contain_text(FROM_MEMORY)

    assert len(reader.asks) == 1
    expect(page.get_by_label("Your question")).to_have_value("Who?")


def test_choice_of_documents_outlasts_a_search(page: Page, shelf: Shelf) -> None:
    """Whoever looks for the second document keeps the first."""
    for name in ("kitepost", "osmerrow"):
        shelf.make_ready(name, HELPS)
    for number in range(4):
        shelf.add(f"Volume {number}")
    page.goto("/#/several")
    page.reload()
    page.get_by_role("checkbox", name="The Kite Post").check()
    page.get_by_label("A part of the title").fill("Harbour")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("checkbox", name="Harbour").check()
    ask(page)

    expect(page.get_by_role("region", name=re.compile("^Answer of"))).to_have_count(2)
