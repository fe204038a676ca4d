"""Which memories are pinned: one of a document at most, and no more than fit into main memory."""

from collections.abc import Mapping

from app.engine.errors import AdaptersFullError
from app.engine.holding import Holding


class Pins:
    """The pins of a bank, whose lock guards them. What is pinned is held, too."""

    def __init__(self, holdings: Mapping[str, Holding], host_bytes: int) -> None:
        self._holdings, self._host_bytes = holdings, host_bytes
        self._keys: dict[str, str] = {}
        """By document."""

    @property
    def are_too_many(self) -> bool:
        """Whether the pinned memories take more than there is."""
        return self._room_bytes() > self._host_bytes

    def holds(self, key: str) -> bool:
        """Say whether a memory is pinned."""
        return key in self._keys.values()

    def require_room(self, document_id: str, num_bytes: int) -> None:
        """Make sure that a memory fits beside those that other documents have pinned.

        Raises:
            AdaptersFullError: it does not.
        """
        taken = self._room_bytes(besides=document_id)
        if taken + num_bytes > self._host_bytes:
            raise AdaptersFullError(
                f"this memory takes up to {num_bytes} bytes, and other pinned ones take {taken} of "
                f"the {self._host_bytes} there are: unpin some, or raise LIFT_ADAPTER_BYTES"
            )

    def add(self, document_id: str, key: str) -> None:
        """Pin a memory, in place of another one of the document."""
        self._keys[document_id] = key

    def follow(self, document_id: str, key: str) -> None:
        """Let a document's pin, if it has one, go over to the memory that is asked for now."""
        if document_id in self._keys:
            self._keys[document_id] = key

    def end(self, document_id: str) -> None:
        """Unpin what a document has pinned."""
        self._keys.pop(document_id, None)

    def lose(self, key: str) -> bool:
        """Unpin a memory that is no more; say whether it was pinned."""
        lost = [document_id for document_id, pinned in self._keys.items() if pinned == key]
        for document_id in lost:
            self.end(document_id)
        return bool(lost)

    def _room_bytes(self, besides: str | None = None) -> int:
        return sum(
            self._holdings[key].room_bytes
            for document_id, key in self._keys.items()
            if document_id != besides
        )
