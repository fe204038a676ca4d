"""axe finds nothing serious on any view of the page, in light colours and in dark ones."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.web.asking import ask
from tests.web.browsing import DESK, PHONE, opened
from tests.web.shelves import DOES_NOT_HELP, Shelf

GRAVE = {"serious", "critical"}


def settled(page: Page, words: str) -> None:
    """Wait until the view says so."""
    expect(page.get_by_text(words).first).to_be_visible()


def see_intake(page: Page) -> None:
    settled(page, "Up to 20 KiB a file")
    page.get_by_text("Paste text instead").click()
    page.get_by_text("How it is trained").click()
    page.locator("input[type=file]").set_input_files(
        [{"name": "empty.txt", "mimeType": "text/plain", "buffer": b""}]
    )
    expect(page.get_by_role("alert")).to_be_visible()


def see_answer(page: Page) -> None:
    page.get_by_text("How it is answered").click()
    ask(page)
    settled(page, "in 1.4 s")
    page.get_by_role("button", name="Shade by memory").click()
    page.get_by_text("Copy as code").click()


def see_comparison(page: Page) -> None:
    ask(page, label="Question to compare")
    expect(page.locator(".side .source")).to_have_count(3)


def see_passage(page: Page) -> None:
    expect(page.locator("mark")).to_be_visible()


def see_report(page: Page) -> None:
    for words in ("Questions written about it", "All settings of the method"):
        page.get_by_text(words).click()
    settled(page, "held back: measures the memory")


def see_training(page: Page) -> None:
    settled(page, "after 9 steps")


def see_failure(page: Page) -> None:
    settled(page, "The training failed.")


def see_several(page: Page) -> None:
    page.get_by_role("checkbox").first.check()
    ask(page)
    expect(page.locator(".exchange .source")).to_have_count(1)


def see_question_whether_to_delete(page: Page) -> None:
    page.locator(".facts").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()


VIEWS: list[tuple[str, Callable[[Page], None]]] = [
    ("", see_intake),
    ("{ready}", see_answer),
    ("{ready}/compare", see_comparison),
    ("{ready}/text/2030-2828", see_passage),
    ("{ready}/report", see_report),
    ("{training}", see_training),
    ("{failed}", see_failure),
    ("several", see_several),
    ("{ready}", see_question_whether_to_delete),
]


@pytest.mark.parametrize(
    ("scheme", "size", "rules"),
    [("light", DESK, None), ("dark", PHONE, ["color-contrast", "target-size"])],
)
def test_axe_finds_nothing_serious(
    browser: Browser,
    url: str,
    shelf: Shelf,
    scheme: str,
    size: dict[str, int],
    rules: list[str] | None,
) -> None:
    """Names, roles, contrast, order: on each view, as far as a program can tell."""
    ids = {
        "ready": shelf.make_ready("kitepost", DOES_NOT_HELP),
        "training": shelf.add("In the making"),
        "failed": shelf.add("A scan"),
    }
    shelf.train(ids["training"], 9)
    shelf.fail(ids["failed"])

    found: list[str] = []
    with opened(browser, url, color_scheme=scheme, viewport=size) as page:
        for address, see in VIEWS:
            page.goto(f"/#/{address.format(**ids)}")
            see(page)
            page.wait_for_timeout(200)  # colours that change have changed
            found += [f"{see.__name__}: {each}" for each in violations(page, rules)]
    assert found == []


def test_axe_finds_what_is_wrong(page: Page) -> None:
    """A picture without a name and grey letters on grey: else the test above would show nothing."""
    page.evaluate(
        """() => {
          document.querySelector("h1").style.color = "#eee";
          document.querySelector("main").append(document.createElement("img"));
        }"""
    )

    assert {each.partition(":")[0] for each in violations(page)} == {"color-contrast", "image-alt"}


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe says of the page that is serious, with the elements that it names."""
    told = Axe().run(page, options={"runOnly": rules} if rules else {}).response["violations"]
    return [
        f"{each['id']}: {node['html']}"
        for each in told
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]
