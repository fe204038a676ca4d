"""Every way in which an installation can be broken, and what is to be found then."""

from collections.abc import Callable

from app.storage import adapter_key, checkpoint_key, source_key, text_key
from tests.app.doctor.installation import CONTENT, TEXT, Installation

Breakage = Callable[[Installation], tuple[str, str]]
"""Breaks something; returns what is wrong, and with which key."""


def _lost(key_of: Callable[[Installation], str]) -> Breakage:
    def lose(installation: Installation) -> tuple[str, str]:
        key = key_of(installation)
        installation.store.delete(key)
        return "missing", key

    return lose


def _changed(key_of: Callable[[Installation], str], content: bytes) -> Breakage:
    def change(installation: Installation) -> tuple[str, str]:
        key = key_of(installation)
        installation.overwrite(key, content)
        return "damaged", key

    return change


def _added(key_of: Callable[[Installation], str], trouble: str = "orphan") -> Breakage:
    def add(installation: Installation) -> tuple[str, str]:
        key = key_of(installation)
        installation.overwrite(key, b"nobody's")
        return trouble, key

    return add


def _source(installation: Installation) -> str:
    return source_key(installation.ready)


def _text(installation: Installation) -> str:
    return text_key(installation.ready)


def _adapter(installation: Installation) -> str:
    return installation.adapter


def _flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


LOST_FOR_GOOD: dict[str, Breakage] = {
    "source missing": _lost(_source),
    "source truncated": _changed(_source, TEXT.encode()[:-1]),
}
MENDABLE: dict[str, Breakage] = {
    "text missing": _lost(_text),
    "text truncated": _changed(_text, TEXT.encode()[:-1]),
    "text no UTF-8": _changed(_text, b"\xff" * len(TEXT)),
    "adapter missing": _lost(_adapter),
    "adapter truncated": _changed(_adapter, CONTENT[:-1]),
    "adapter empty": _changed(_adapter, b""),
    "adapter with a flipped bit": _changed(_adapter, _flipped(CONTENT)),
    "checkpoint missing": _lost(lambda installation: installation.checkpoint),
    "adapter without a row": _added(lambda installation: adapter_key(installation.ready, "f" * 64)),
    "checkpoint without a row": _added(lambda it: checkpoint_key(it.training, "job_x", 1, 1)),
    "file of a known document": _added(lambda it: f"documents/{it.ready}/note.txt"),
    "document without a row": lambda it: ("orphan", it.lose_row()),
    "temporary file": _added(lambda _: "incoming/tmp_1", "leftover"),
}
