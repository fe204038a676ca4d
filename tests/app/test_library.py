"""Texts that are kept ready to be searched."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Event

import pytest

from app import errors
from app.ingest.kinds import Kind
from app.ingest.outline import Outline
from app.library import Library
from app.storage import Store, outline_key, text_key


class CountingStore:
    """A store that counts how often texts are read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.read_keys: list[str] = []
        self.may_read = Event()
        self.may_read.set()

    def read(self, key: str) -> bytes:
        assert self.may_read.wait(20)
        self.read_keys.append(key)
        return self._store.read(key)

    def num_reads(self, document_id: str) -> int:
        return self.read_keys.count(text_key(document_id))


@pytest.fixture
def counting(store: Store) -> CountingStore:
    """A store with three texts of a hundred characters."""
    for name in "abc":
        store.put(text_key(name), BytesIO((f"{name} mill. " * 50)[:100].encode()))
    return CountingStore(store)


def test_a_text_is_read_once(counting: CountingStore) -> None:
    """The second question finds it ready."""
    library = Library(counting)  # type: ignore[arg-type]

    assert library.get("a") is library.get("a")
    assert counting.num_reads("a") == 1


def test_those_who_come_together_read_once(counting: CountingStore) -> None:
    """All but one wait; somebody who wants another text does not wait for them."""
    library = Library(counting)  # type: ignore[arg-type]
    library.get("b")
    counting.may_read.clear()
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(library.get, "a") for _ in range(4)]
        assert library.get("b").text.startswith("b")
        counting.may_read.set()
        found = [each.result() for each in waiting]

    assert all(each is found[0] for each in found)
    assert counting.num_reads("a") == 1


def test_what_was_used_longest_ago_makes_room(counting: CountingStore) -> None:
    """The newest always stays, however large."""
    library = Library(counting, kept_characters=200)  # type: ignore[arg-type]
    for name in ("a", "b", "a", "c", "a", "b"):
        library.get(name)

    assert [counting.num_reads(name) for name in "abc"] == [1, 2, 1]


def test_one_text_larger_than_all_room_is_kept(counting: CountingStore) -> None:
    """Each question on it would read it anew otherwise."""
    library = Library(counting, kept_characters=10)  # type: ignore[arg-type]

    assert library.get("a") is library.get("a")


def test_a_forgotten_text_is_read_anew(counting: CountingStore) -> None:
    """Nothing stays of a document that was deleted."""
    library = Library(counting)  # type: ignore[arg-type]
    library.get("a")
    library.forget("a")
    library.forget("unknown")
    library.get("a")

    assert counting.num_reads("a") == 2


def test_a_text_that_is_gone_is_not_found(counting: CountingStore, store: Store) -> None:
    """And can be read once it is there."""
    library = Library(counting)  # type: ignore[arg-type]
    with pytest.raises(errors.DocumentNotFoundError):
        library.get("d")
    store.put(text_key("d"), BytesIO(b"here"))

    assert library.get("d").text == "here"


@pytest.mark.parametrize("outline", [None, b"{}", b"no JSON"])
def test_a_missing_or_damaged_outline_is_none(
    counting: CountingStore, store: Store, outline: bytes | None
) -> None:
    """Passages have no pages then."""
    if outline is not None:
        store.put(outline_key("a"), BytesIO(outline))

    assert Library(counting).get("a").outline is None  # type: ignore[arg-type]


def test_the_outline_comes_with_the_text(counting: CountingStore, store: Store) -> None:
    """As parsing left it."""
    outline = Outline(kind=Kind.TEXT, encoding="utf-8")
    store.put(outline_key("a"), BytesIO(outline.to_json()))

    assert Library(counting).get("a").outline == outline  # type: ignore[arg-type]
