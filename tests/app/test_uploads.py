"""What lends an upload: its file is closed at once, however the request ends."""

from collections.abc import Callable
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from app import deps

_BODY = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    + b"some text " * 200_000  # more than is kept in memory
    + b"\r\n--x--\r\n"
)
_SERVICES: Any = SimpleNamespace(settings=SimpleNamespace(preset="balanced"))


def request() -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": _BODY, "more_body": False}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize("lend", [deps.get_upload, deps.get_archive])
@pytest.mark.parametrize("how", ["served", "refused", "cancelled"])
def test_file_is_closed_with_its_request(lend: Callable[..., Any], how: str) -> None:
    """Not when the garbage collector comes by: until then it would take room on the disk."""

    async def use() -> bool:
        lent = lend(request(), _SERVICES)
        async with aclosing(lent):
            file = (await anext(lent)).content
            assert not file.closed
            if how == "served":
                assert await anext(lent, None) is None
            elif how == "refused":
                with pytest.raises(ValueError, match="no"):
                    await lent.athrow(ValueError("no"))
            else:
                with anyio.CancelScope() as scope:
                    scope.cancel()
                    await lent.aclose()
            return bool(file.closed)

    assert anyio.run(use)
