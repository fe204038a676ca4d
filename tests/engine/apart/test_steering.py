"""What an engine process is told besides questions, and all that a question says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.answerer import AdapterFile, Ask
from app.engine.apart.answering import ApartAnswerer
from app.engine.batching import BatchingAnswerer
from app.engine.errors import AdaptersFullError
from app.engine.kept import Tier
from tests.engine.apart.test_answering import said
from tests.engine.conftest import QUESTION
from tests.waiting import wait_until

Making = Callable[..., Ask]


def test_adapters_are_steered(
    apart: ApartAnswerer, adapters: list[AdapterFile], ask: Making
) -> None:
    """Preload, pin, unpin, evict and forget reach the process, and it tells what it holds."""

    def kept() -> list[tuple[str, Tier, bool]]:
        return [(each.sha256, each.tier, each.is_pinned) for each in apart.kept_adapters()]

    one, two = (each.sha256 for each in adapters)
    apart.preload("ann", adapters[0])
    wait_until(lambda: kept() == [(one, Tier.SLOT, False)])
    apart.pin("bob", adapters[1])
    wait_until(lambda: kept() == [(one, Tier.SLOT, False), (two, Tier.SLOT, True)])
    apart.unpin("bob")
    assert kept()[1] == (two, Tier.SLOT, False)
    apart.evict("ann")
    assert kept() == [(two, Tier.SLOT, False)]
    apart.forget("bob")

    assert kept() == []


def test_pin_too_large_is_refused(apart: ApartAnswerer, adapters: list[AdapterFile]) -> None:
    """The refusal comes as itself, and nothing is pinned."""
    huge = replace(adapters[0], size_bytes=10**12)
    with pytest.raises(AdaptersFullError):
        apart.pin("ann", huge)

    assert apart.kept_adapters() == []


def test_preloaded_file_that_is_gone_is_told(
    apart: ApartAnswerer, adapters: list[AdapterFile]
) -> None:
    """Nobody asked, so the list says what went wrong."""

    def fetch() -> Iterator[Path]:
        raise FileNotFoundError(2, "No such file", "the adapter")

    apart.preload("ann", AdapterFile(contextmanager(fetch), adapters[0].sha256))
    wait_until(lambda: [each.tier for each in apart.kept_adapters()] == [Tier.FAILED])
    (kept,) = apart.kept_adapters()

    assert kept.failure
    assert "the adapter" in kept.failure


def test_conversation_crosses_over_whole(
    answerer: BatchingAnswerer, apart: ApartAnswerer, ask: Making
) -> None:
    """A question that is far larger than a pipe's buffer arrives, and so does its text."""
    long = "lamp " * 60_000
    asked = replace(ask(None, QUESTION), read_text=lambda: long, system="Be brief. ")

    assert said(apart, asked) == said(answerer, asked)
