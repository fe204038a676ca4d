"""What is pinned in an engine process, so that the next one pins it again.

Whoever changes a document's pin tells the process within the same lock: what it hears last is what
is noted here. Restoring takes turns with the others, one document after the other.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

import structlog

from app.engine.answerer import AdapterFile
from app.engine.apart.link import Link
from app.engine.apart.messages import sendable_file
from app.engine.errors import AdaptersFullError, EngineFailedError
from app.engine.kept import Tier

_LOOK_SECONDS: Final = 0.1
_log = structlog.get_logger()


class Pinning:
    """The pins of one `ApartAnswerer`. Safe to use from many threads."""

    def __init__(self) -> None:
        self._files: dict[str, AdapterFile] = {}
        """By document."""
        self._changing = Lock()

    def pin(self, link: Link, document_id: str, adapter: AdapterFile) -> None:
        """Pin a document's adapter, and note it if that was done."""
        with self._changing:
            _pin(link, document_id, adapter)
            self._files[document_id] = adapter

    def move(self, document_id: str, adapter: AdapterFile) -> None:
        """Note that a pin, if there is one, goes over to another adapter, as in the engine."""
        if document_id in self._files:  # most documents have none, and wait for nobody
            with self._changing:
                if document_id in self._files:
                    self._files[document_id] = adapter

    @contextmanager
    def ending(self, document_id: str) -> Iterator[None]:
        """Forget a document's pin; the block tells the engine."""
        with self._changing:
            self._files.pop(document_id, None)
            yield

    def restore(self, link: Link) -> None:
        """Pin everything in a new process; what does not fit any more is told in the log."""
        try:
            for document_id in list(self._files):
                if not self._pin_again(link, document_id):
                    _wait_until_loaded(link)  # what is loaded may take less than was set aside
                    if not self._pin_again(link, document_id):
                        self._give_up(document_id)
        except EngineFailedError:
            return  # this process is gone, too: the next one is told all of it

    def _pin_again(self, link: Link, document_id: str) -> bool:
        """Say whether there was room for it; one that was unpinned meanwhile needs none."""
        with self._changing:
            adapter = self._files.get(document_id)
            try:
                if adapter:
                    _pin(link, document_id, adapter)
            except AdaptersFullError:
                return False
        return True

    def _give_up(self, document_id: str) -> None:
        with self._changing:
            self._files.pop(document_id, None)
        _log.warning("pin_not_restored", document_id=document_id)


def _pin(link: Link, document_id: str, adapter: AdapterFile) -> None:
    link.lender.offer_file(adapter)
    link.call("pin", document_id, sendable_file(adapter))


def _wait_until_loaded(link: Link) -> None:
    while any(kept.is_pinned and kept.tier is Tier.COMING for kept in link.call("kept_adapters")):
        time.sleep(_LOOK_SECONDS)
