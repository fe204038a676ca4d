"""A disk that fails at the n-th call that writes below one folder."""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from app.lift import adapter, checkpoint

_BY_PATH = ("mkdir", "replace", "rename", "unlink", "rmdir")
_WRITING = set("wax+")


class FailingDisk:
    """Counts the calls that change something below `root`, and lets one of them fail."""

    def __init__(self, root: Path, number: int, code: int) -> None:
        self._root, self._number, self._code = os.fspath(root), number, code
        self.calls: list[str] = []
        self.failed: str | None = None
        """The call that failed."""

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Fail inside the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name in _BY_PATH:
                patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
            patch.setattr(os, "fsync", self._wrapped("fsync", os.fsync))
            opened = self._opening(io.open)
            patch.setattr(io, "open", opened)
            patch.setattr(builtins, "open", opened)
            for module in (adapter, checkpoint):
                patch.setattr(module, "save_file", self._saving(module.save_file))
            yield

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(target: Any, *rest: Any, **named: Any) -> Any:
            self._count(name, target)
            return call(target, *rest, **named)

        return wrapper

    def _opening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(target: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if not _WRITING.isdisjoint(mode):
                self._count("open", target)
            return call(target, mode, *rest, **named)

        return wrapper

    def _saving(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(tensors: Any, path: Path, metadata: Any) -> None:
            try:
                self._count("save_file", path)
            except OSError as error:  # as the library tells of a full disk
                path.write_bytes(b"half of")
                raise SafetensorError(f"I/O error: {error.strerror}") from error
            call(tensors, path, metadata)

        return wrapper

    def _count(self, name: str, target: Any) -> None:
        path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
        if not path.startswith(self._root):
            return
        self.calls.append(f"{name} {path.removeprefix(self._root)}")
        if len(self.calls) == self._number:
            self.failed = self.calls[-1]
            raise OSError(self._code, os.strerror(self._code), path)


FULL, READ_ONLY = errno.ENOSPC, errno.EROFS
