"""Values by document: those that were used last, as much of them as there is room for."""

from collections import OrderedDict
from collections.abc import Callable, Sized
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value", bound=Sized)


class Recent(Generic[Value]):
    """Keeps what was used last, up to so much in all; what is used now is kept however long it is.

    `get` is called by one thread at a time for one document. No call waits for another's `make`.
    """

    def __init__(self, most_length: int) -> None:
        """Keep values of `most_length` together."""
        self._most_length = most_length
        self._changing = Lock()
        self._drops = 0
        self._values: OrderedDict[str, Value] = OrderedDict()

    def kept(self, document_id: str) -> Value | None:
        """Return the kept value, which is used last now."""
        with self._changing:
            if document_id in self._values:
                self._values.move_to_end(document_id)
            return self._values.get(document_id)

    def get(self, document_id: str, make: Callable[[], Value]) -> Value:
        """Return the kept value, or make and keep it; what `make` raises is not kept."""
        with self._changing:
            kept, drops = self._values.pop(document_id, None), self._drops
        value = make() if kept is None else kept
        with self._changing:
            if drops == self._drops:  # else this document may be gone
                self._values[document_id] = value
            while len(self._values) > 1 and self._length > self._most_length:
                self._values.popitem(last=False)
        return value

    def drop(self, document_id: str) -> None:
        """Forget a document's value, also one that is being made."""
        with self._changing:
            self._drops += 1
            self._values.pop(document_id, None)

    @property
    def _length(self) -> int:
        return sum(map(len, self._values.values()))
