"""Steps in which every row says one token, recorded for a few sizes and played.

Such a step starts the same kernels each time, over other numbers: those are laid into buffers that
stay where they are, and the recording is played over them. Rows that are missing to a recorded size
are the last row once more, which writes what that writes. Knows a recorder, and not CUDA.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import structlog
import torch
from torch import Tensor

from app.engine.keys_values import Pool, Seen
from app.engine.packed import Given, Passed, read_tokens
from app.engine.paged import Pages, can_attend
from app.engine.parts import Look, Part
from app.engine.recorded.reading import PickedReading
from app.engine.slots import Slots
from app.lift.base_model import BaseModel

_EVERY = 8
"""Sizes are powers of two up to this, and its multiples after it."""
_log = structlog.get_logger()
Result = TypeVar("Result")


class Recorder(Protocol):
    """Runs and records a function, and returns what plays it over the same tensors."""

    def __call__(self, function: Callable[[], Result]) -> Callable[[], Result]:
        """Record; whatever the function cannot do while it is recorded raises."""
        ...


class NotRecordableError(Exception):
    """This model's attention has no kernel that can be recorded."""


class RecordedSteps:
    """The recorded steps of one model, its pool and its slots. For one thread."""

    def __init__(self, base: BaseModel, pool: Pool, slots: Slots, recorder: Recorder) -> None:
        self._base, self._pool, self._slots, self._recorder = base, pool, slots, recorder
        self._recordings: dict[Size, _Recording] = {}
        self._is_off = False

    def forward(self, parts: Sequence[Part]) -> Passed | None:
        """Do what `PackedModel.forward` does, by a recording; None, and nothing done, if none can.

        What was given stays as it is until the next step. A model that cannot be recorded is not
        tried again.
        """
        if self._is_off or not all(self._can_take(part) for part in parts):
            return None
        try:
            given = self._recording_for(parts).play(parts)
        except Exception:
            # Whatever keeps this model from being recorded, it can still be run.
            _log.exception("not_recordable", model=self._base.name)
            self._is_off = True
            return None
        for part in parts:
            part.cache.advance(1)
        return given.awaited(len(parts))

    def _can_take(self, part: Part) -> bool:
        is_placed = part.cache.pool is self._pool and part.cache.place is not None
        is_known = part.slot is None or part.slot < self._slots.num_slots
        return len(part.ids) == 1 and part.own is None and is_known and is_placed

    def _recording_for(self, parts: Sequence[Part]) -> "_Recording":
        used = {part.slot for part in parts if part.slot is not None}
        size = size_of(len(parts), len(used), self._slots.num_slots)
        if size not in self._recordings:
            recording = _Recording(size, self._base, self._pool, self._slots)
            recording.record(parts, self._recorder)
            self._recordings[size] = recording
        return self._recordings[size]


class Size(NamedTuple):
    """What one recording has room for."""

    rows: int
    slots: int
    """0 reads no memory; as many as there are reads them where they lie."""


def size_of(num_rows: int, num_used: int, num_slots: int) -> Size:
    """Return the smallest size that is recorded for so many rows that read so many slots.

    All slots are read where less than half of them would be read for nothing: then none is copied.
    """
    rows = _rounded(num_rows)
    slots = min(_rounded(num_used), rows) if num_used else 0
    return Size(rows, num_slots if 2 * slots > num_slots else slots)


def _rounded(number: int) -> int:
    if number <= _EVERY:
        return 1 << (number - 1).bit_length()
    return -(-number // _EVERY) * _EVERY


class _Recording:
    """One recorded step and its buffers."""

    def __init__(self, size: Size, base: BaseModel, pool: Pool, slots: Slots) -> None:
        self._size, self._base, self._pool, self._slots = size, base, pool, slots
        shape, is_apart = (len(_Numbers._fields), size.rows), base.device.type == "cuda"
        self._here = torch.zeros(shape, dtype=torch.long, pin_memory=is_apart)
        self._there = torch.zeros(shape, dtype=torch.long, device=base.device)
        self._play: Callable[[], Given] | None = None

    def record(self, parts: Sequence[Part], recorder: Recorder) -> None:
        """Record the step, with parts that it may be tried on."""
        self._fill(parts)
        with torch.inference_mode():
            self._play = recorder(self._step)

    def play(self, parts: Sequence[Part]) -> Given:
        """Read the parts' tokens."""
        assert self._play is not None, "a step that was not recorded"
        self._fill(parts)
        with torch.inference_mode():
            return self._play()

    def _step(self) -> Given:
        numbers = _Numbers(*self._there)
        pages = Pages.of_speakers(self._pool, numbers.places, numbers.positions)
        every = torch.arange(self._size.rows, device=self._base.device)
        return read_tokens(
            self._base, numbers.ids, numbers.positions, every, _Paged(pages), self._reading(numbers)
        )

    def _reading(self, numbers: "_Numbers") -> PickedReading | None:
        num_used = self._size.slots
        if not num_used:
            return None
        used = None if num_used == self._slots.num_slots else numbers.used[:num_used]
        return PickedReading(self._slots.layers, used, numbers.readers, numbers.reads.bool())

    def _fill(self, parts: Sequence[Part]) -> None:
        for row, numbers in enumerate(_numbers_of(parts, self._size, self._slots.num_slots)):
            self._here[row] = torch.tensor(numbers)
        with torch.inference_mode():
            self._there.copy_(self._here, non_blocking=True)  # nobody writes here before it is read


class _Numbers(NamedTuple):
    """What differs from step to step, each [rows]."""

    ids: Tensor
    positions: Tensor
    places: Tensor
    readers: Tensor
    """Which of the used slots each token reads."""
    reads: Tensor
    """1 if it reads one."""
    used: Tensor
    """The slots, and 0 behind them."""


def _numbers_of(parts: Sequence[Part], size: Size, num_slots: int) -> Sequence[Sequence[int]]:
    """Return the values of `_Numbers` for so many rows: the last part stands for those missing."""
    filled = [*parts, *[parts[-1]] * (size.rows - len(parts))]
    used = sorted({part.slot for part in parts if part.slot is not None})
    whole = size.slots == num_slots
    reader: Mapping[int | None, int] = {
        slot: slot if whole else number for number, slot in enumerate(used)
    }
    return (
        [part.ids[0] for part in filled],
        [part.cache.num_tokens for part in filled],
        [part.cache.place or 0 for part in filled],
        [reader.get(part.slot, 0) for part in filled],
        [int(part.slot is not None) for part in filled],
        ([] if whole else used) + [0] * (size.rows - (0 if whole else len(used))),
    )


class _Paged:
    """Attention by pages, or not at all."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def attend(self, layer: int, query: Tensor, new: Seen, look: Look) -> Tensor:
        if not can_attend(query, look):
            raise NotRecordableError
        return self._pages.attend(layer, query, new, look)
