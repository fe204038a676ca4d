"""How documents come in, and the list that they stand on."""

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.web.shelves import HELPS, Shelf


def test_refusal_stands_beside_what_it_speaks_of(page: Page, shelf: Shelf) -> None:
    """A file that is too large is refused before it is sent, one of no use by the server."""
    expect(page.get_by_text("Up to 20 KiB a file")).to_be_visible()
    chooser = page.locator("input[type=file]")
    huge = {"name": "huge.txt", "mimeType": "text/plain", "buffer": b"x" * (20 * 1024 + 1)}
    chooser.set_input_files([huge])
    row = page.locator(".upload", has_text="huge.txt")
    expect(row).to_contain_text("the server takes 20 KiB at most")
    empty = {"name": "empty.txt", "mimeType": "text/plain", "buffer": b""}
    chooser.set_input_files([empty])
    row = page.locator(".upload", has_text="empty.txt")

    expect(row.get_by_role("alert")).to_contain_text(re.compile("empty|no text"))
    assert shelf.http.get("/documents").json()["data"] == []


def test_upload_is_sent_again_under_its_key_and_taken_in_once(page: Page, shelf: Shelf) -> None:
    """An answer that is lost on its way makes no second document."""
    keys: list[str] = []

    def lose_first_answer(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/documents", lose_first_answer)
    page.get_by_text("Paste text instead").click()
    page.get_by_label("Title").fill("Twice sent")
    page.get_by_label("Text", exact=True).fill("It came once.")
    page.get_by_role("button", name="Add this text").click()

    expect(page.get_by_role("link", name="Open it")).to_be_visible()
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(shelf.http.get("/documents").json()["data"]) == 1


def test_dropped_file_is_uploaded_from_any_view(page: Page, shelf: Shelf) -> None:
    """Wherever one is, the file goes in and the page shows how far it is."""
    page.goto(f"/#/{shelf.make_ready('kitepost', HELPS)}/report")
    page.evaluate(
        """() => {
          const held = new DataTransfer();
          held.items.add(new File(["A dropped text."], "dropped.txt", { type: "text/plain" }));
          dispatchEvent(new DragEvent("dragover", { dataTransfer: held, cancelable: true }));
          dispatchEvent(new DragEvent("drop", { dataTransfer: held, cancelable: true }));
        }"""
    )

    expect(page.locator(".upload", has_text="dropped.txt")).to_contain_text("Safe on the server")
    expect(page.get_by_role("link", name="dropped.txt", exact=True)).to_be_visible()


def test_list_goes_on_behind_its_first_page_and_finds_titles(page: Page, shelf: Shelf) -> None:
    """Older documents come when wished for, and stay when the list is read again."""
    for number in range(23):
        shelf.add(f"Volume {number:02}")
    rows = page.locator(".row")
    page.reload()
    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show older ones").click()
    expect(rows).to_have_count(23)
    page.get_by_label("A part of the title").fill("volume 07")
    page.get_by_role("button", name="Find").click()

    expect(rows).to_have_count(1)


def test_file_that_is_gone_is_not_blamed_on_the_server(page: Page, tmp_path: Path) -> None:
    """A browser sends no file that is not what was chosen; what to do about it is said."""
    file = tmp_path / "notes.txt"
    file.write_text("As it was chosen.")
    page.route("**/documents", lambda route: None if _sends(route) else route.continue_())
    page.locator("input[type=file]").set_input_files(file)
    row = page.locator(".upload", has_text="notes.txt")
    row.get_by_role("button", name="Stop").click()
    expect(row).to_contain_text("Stopped.")
    page.unroute("**/documents")
    file.unlink()
    row.get_by_role("button", name="Try again").click()

    expect(row.get_by_role("alert")).to_contain_text("This file cannot be read.")
    expect(row.get_by_role("alert")).to_contain_text("Choose it again.")


def test_uploads_leave_connections_to_what_else_is_asked(page: Page, shelf: Shelf) -> None:
    """Many files at once go in turn, and the list is read meanwhile; whoever leaves is warned."""
    page.route("**/documents", lambda route: None if _sends(route) else route.continue_())
    names = [f"{number}.txt" for number in range(8)]
    files = [{"name": name, "mimeType": "text/plain", "buffer": b"Words."} for name in names]
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_text("Waits until others are sent.")).to_have_count(5)
    page.locator(".upload").last.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Waits until others are sent.")).to_have_count(4)
    warnings: list[str] = []
    page.on("dialog", lambda dialog: (warnings.append(dialog.type), dialog.dismiss()))
    page.evaluate("location.reload()")
    shelf.add("Meanwhile")

    expect(page.get_by_role("link", name="Meanwhile")).to_be_visible()
    assert warnings == ["beforeunload"]


def _sends(route: Route) -> bool:
    return route.request.method == "POST"
