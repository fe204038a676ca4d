"""The page before a real `lift serve` with its worker and a tiny model: all that a person does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serving import TINY_OPTIONS, serving, tiny_settings
from tests.web.asking import ask
from tests.web.browsing import opened

TRAINING_MILLISECONDS = 120_000
HASTY = {"LIFT_LEASE_SECONDS": "6", "LIFT_HEARTBEAT_SECONDS": "1", "LIFT_GRACE_SECONDS": "2"}
"""A worker that was killed is missed soon."""
TEXT = (
    "# The lamp of Osmerrow\n\nThe lamp of Osmerrow is lit at dusk by the keeper's youngest child. "
    "The keeper himself sleeps until the tide turns. Nobody else may touch the glass."
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole server."""
    folder = tmp_path_factory.mktemp("served")
    with serving(folder / "data", **tiny_settings(folder / "model")) as served:
        yield served.url()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The page before that server."""
    with opened(browser, url) as page:
        yield page


def upload(page: Page, name: str, **options: int) -> None:
    """Choose a file, with options that fit the tiny model, and open what it became."""
    page.get_by_text("How it is trained").click()
    page.get_by_label("Preset").select_option("quick")
    page.get_by_label("Options, as JSON").fill(json.dumps(TINY_OPTIONS | options))
    content = f"{TEXT} {name}.".encode()
    file = {"name": f"{name}.md", "mimeType": "text/markdown", "buffer": content}
    page.locator("input[type=file]").set_input_files([file])
    page.get_by_role("link", name="Open it").click()


def facts(page: Page, words: str) -> None:
    """Wait until the opened document stands so."""
    expect(page.locator(".facts")).to_contain_text(words, timeout=TRAINING_MILLISECONDS)


def test_document_goes_from_its_upload_to_an_answer_with_evidence(page: Page) -> None:
    """Progress, then a question, its answer with the memory's share, and the place in the text."""
    expect(page.get_by_text("Up to 20 MiB a file")).to_be_visible()
    upload(page, "lamp", num_qa_pairs=0)
    expect(page.get_by_label("Your question")).to_be_disabled()
    expect(page.get_by_text("Its memory is")).to_be_visible()
    facts(page, "Ready")
    page.get_by_label("Your question").fill("Who lights the lamp of Osmerrow?")
    page.get_by_role("button", name="Ask", exact=True).click()

    meter = page.get_by_role("meter", name="Share of the attention that came from memory")
    expect(meter).to_have_attribute("aria-valuetext", re.compile(r"\d %"))
    page.get_by_role("link", name="Open in the text").first.click()
    expect(page.locator("mark")).to_contain_text("lit at dusk by the keeper's youngest child")
    expect(page.locator("mark")).to_be_focused()


@pytest.mark.exhaustive
def test_training_is_reloaded_cancelled_retried_and_deleted(page: Page) -> None:
    """A reload leads back to the same training; what is cancelled can go on, and be deleted."""
    upload(page, "long", recitation_epochs=1000)
    expect(page.get_by_role("img", name="Loss curve")).to_be_visible(timeout=TRAINING_MILLISECONDS)
    address = page.url
    page.reload()
    expect(page.get_by_role("img", name="Loss curve")).to_be_visible()
    assert page.url == address

    page.locator(".facts").get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the training").click()
    facts(page, "Cancelled")
    expect(page.get_by_text("It has no memory: its training was cancelled.")).to_be_visible()
    page.locator(".facts").get_by_role("button", name="Retry").click()
    facts(page, "Training")
    page.locator(".facts").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()

    expect(page.get_by_role("heading", name="Add a document")).to_be_visible()
    expect(page.get_by_role("link", name="long.md")).to_have_count(0)


@pytest.mark.exhaustive
def test_training_goes_on_before_the_page_when_the_server_is_killed(
    browser: Browser, tmp_path: Path
) -> None:
    """Killed in the middle and started again on the same port: the page sees it through."""
    data_dir, settings = tmp_path / "data", tiny_settings(tmp_path / "model") | HASTY
    with serving(data_dir, **settings) as served:
        url = served.url()
        with opened(browser, url) as page:
            upload(page, "long", recitation_epochs=100)
            curve = page.get_by_role("img", name="Loss curve")
            expect(curve).to_be_visible(timeout=TRAINING_MILLISECONDS)
            served.process.kill()
            served.process.wait()
            expect(page.get_by_text("The server cannot be reached.").first).to_be_visible()
            port = url.rpartition(":")[2]
            with serving(data_dir, "--port", port, **settings) as again:
                assert again.url() == url
                facts(page, "Ready")

                ask(page, "Who lights the lamp of Osmerrow?")
                expect(page.get_by_role("meter")).to_be_visible()
