"""The `Answerer` whose engine is a process of its own, kept running."""

from collections.abc import Iterator
from contextlib import suppress

from app.engine.answerer import AdapterFile, Ask, Piece, Reply
from app.engine.apart.keeping import Keeper, Patience, Start
from app.engine.apart.messages import Load, sendable_file
from app.engine.apart.pinning import Pinning
from app.engine.errors import EngineFailedError
from app.engine.kept import KeptAdapter
from app.engine.measures import EngineMeasures

_MEASURING_SECONDS = 2.0


class ApartAnswerer:
    """An `Answerer` that owns a process. While that is started again, it refuses at once."""

    def __init__(self, start: Start, load: Load, patience: Patience | None = None) -> None:
        """Start the engine.

        Raises:
            BaseModelError: the base model cannot be had.
        """
        self._pinning = Pinning()
        self._keeper = Keeper(start, load, patience or Patience(), self._pinning.restore)

    @property
    def pid(self) -> int:
        """The newest process's id."""
        return self._keeper.pid

    @property
    def num_asks(self) -> int:
        """Questions and calls under way."""
        return self._keeper.link.num_hearers

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        """Answer piece by piece; see `Answerer`.

        Raises:
            EngineFailedError: also if the process ended or is starting.
        """
        if ask.adapter:
            self._pinning.move(ask.document_id, ask.adapter)
        yield from self._keeper.link.stream(ask)

    def forget(self, document_id: str) -> None:
        """Drop all that is kept of a document."""
        self._drop("forget", document_id)

    def kept_adapters(self) -> list[KeptAdapter]:
        """Tell of all adapters that are held, on their way or failed.

        Raises:
            EngineFailedError: the process ended or is starting.
        """
        kept: list[KeptAdapter] = self._keeper.link.call("kept_adapters")
        return kept

    def preload(self, document_id: str, adapter: AdapterFile) -> None:
        """Begin to bring an adapter to where answers read it.

        Raises:
            EngineFailedError: the process ended or is starting.
        """
        self._pinning.move(document_id, adapter)
        link = self._keeper.link
        link.lender.offer_file(adapter)
        link.tell("preload", document_id, sendable_file(adapter))

    def pin(self, document_id: str, adapter: AdapterFile) -> None:
        """Preload an adapter and keep it, also when the process is started again.

        Raises:
            AdaptersFullError: it does not fit beside what is pinned already.
            EngineFailedError: the process ended or is starting.
        """
        self._pinning.pin(self._keeper.link, document_id, adapter)

    def unpin(self, document_id: str) -> None:
        """End a document's pin."""
        self._drop("unpin", document_id)

    def evict(self, document_id: str) -> None:
        """End a document's pin and drop its adapters."""
        self._drop("evict", document_id)

    def check_running(self) -> None:
        """Raise `EngineFailedError` while the process is started again."""
        _ = self._keeper.link

    def measures(self) -> EngineMeasures:
        """Tell what the engine has counted of its own work.

        Raises:
            EngineFailedError: the process ended or is starting, or says nothing for seconds.
        """
        measures: EngineMeasures = self._keeper.link.call("measures", seconds=_MEASURING_SECONDS)
        return measures

    def describe(self) -> dict[str, str]:
        """Name the base model, its fingerprint, device, dtype and quantization."""
        return self._keeper.description

    def close(self) -> None:
        """End the process; answers under way are told."""
        self._keeper.close()

    def _drop(self, method: str, document_id: str) -> None:
        """Have the engine drop something; one that is gone holds nothing."""
        with self._pinning.ending(document_id), suppress(EngineFailedError):
            self._keeper.link.tell(method, document_id)
