"""A small client of the server's HTTP interface, for the command line and the demo."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from app.client_replies import ClientError, read, read_answer, refusal
from app.client_views import Answer, Document, QAPair

_ANSWER_SECONDS = 600.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _Created(BaseModel):
    id: str


class _Pairs(BaseModel):
    data: list[QAPair]


class _Page(BaseModel):
    data: list[Document]
    next_cursor: str | None = None


class Client:
    """Talks to the server at `url`; every method raises `ClientError` and nothing else.

    `key` is an API key, for servers that ask for one.
    """

    def __init__(
        self, url: str, key: str | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url = url
        if key and not (key.isascii() and key.isprintable()):
            raise ClientError("LIFT_API_KEY is no API key: it holds characters that none has")
        try:
            self._http = httpx.Client(
                base_url=url,
                headers={"Authorization": f"Bearer {key}"} if key else None,
                timeout=httpx.Timeout(_ANSWER_SECONDS, connect=5.0),
                transport=transport,
                trust_env=httpx.URL(url).host not in _LOOPBACK,  # no proxy stands before ourselves
            )
        except httpx.InvalidURL as error:
            raise ClientError(f"{url} is not a URL: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def upload(
        self,
        file: BinaryIO,
        filename: str,
        *,
        title: str | None = None,
        preset: str | None = None,
        options: Mapping[str, Any] | None = None,
        priority: int = 0,
        duplicate: bool = False,
        starts_from: str | None = None,
    ) -> str:
        """Send a document and return its id; what is left out is the server's default.

        The same file with the same settings has the id that it had, unless it is a `duplicate`.
        With `starts_from`, only what has changed since that document is learnt.
        """
        fields = {"title": title, "preset": preset, "options": json.dumps(options or {})}
        fields["starts_from"] = starts_from
        fields["priority"] = str(priority) if priority else None  # older servers know none
        fields["duplicate"] = "true" if duplicate else None  # nor this
        response = self._call(
            "POST",
            "/documents",
            data={name: value for name, value in fields.items() if value is not None},
            files={"file": (filename, file)},
        )
        return read(_Created, response).id

    def get(self, document_id: str) -> Document:
        """Return one document as it stands now."""
        return read(Document, self._call("GET", _path(document_id)))

    def documents(self) -> Iterator[Document]:
        """Go through all documents, in the server's order."""
        cursor: str | None = None
        while True:
            params = {} if cursor is None else {"cursor": cursor}
            page = read(_Page, self._call("GET", "/documents", params=params))
            yield from page.data
            cursor = page.next_cursor
            if cursor is None:
                return

    def follow(self, document_id: str, every_seconds: float = 1.0) -> Iterator[Document]:
        """Give the document again and again until it is ready, failed or cancelled."""
        while not (document := self.get(document_id)).is_settled:
            yield document
            time.sleep(every_seconds)
        yield document

    def cancel(self, document_id: str) -> Document:
        """Stop a document's training, or take it out of the queue."""
        return read(Document, self._call("POST", f"{_path(document_id)}/cancel"))

    def retry(self, document_id: str) -> Document:
        """Let a failed or cancelled training go on where it was."""
        return read(Document, self._call("POST", f"{_path(document_id)}/retry"))

    def relift(
        self,
        document_id: str,
        *,
        preset: str | None = None,
        options: Mapping[str, Any] | None = None,
        priority: int = 0,
    ) -> Document:
        """Ask for a new version of a document's memory; what is left out stays as it was."""
        wish = {"options": dict(options or {}), "priority": priority}
        if preset is not None:
            wish["preset"] = preset
        return read(Document, self._call("POST", f"{_path(document_id)}/relift", json=wish))

    def ask(self, document_id: str, question: str, **wishes: Any) -> Answer:
        """Ask one question; `wishes` are further fields of it, sent unless they are None."""
        body = _without_none(wishes | {"question": question})
        return read(Answer, self._call("POST", f"{_path(document_id)}/ask", json=body))

    def ask_streamed(
        self, document_id: str, question: str, **wishes: Any
    ) -> Iterator[str | Answer]:
        """Ask one question, and give the answer piece by piece; what is told of it comes last."""
        path, body = f"{_path(document_id)}/ask", _without_none(wishes | {"question": question})
        headers = {"Accept": "text/event-stream"}
        with (
            self._reaching(),
            self._http.stream("POST", path, json=body, headers=headers) as response,
        ):
            if not response.is_success:
                response.read()
                raise refusal(response)
            yield from read_answer(response)

    def text(self, document_id: str) -> str:
        """Return a document's text."""
        return self._call("GET", f"{_path(document_id)}/text").text

    def qa_pairs(self, document_id: str) -> list[QAPair]:
        """Return the pairs that were written about a document."""
        return read(_Pairs, self._call("GET", f"{_path(document_id)}/qa-pairs")).data

    def delete(self, document_id: str) -> None:
        """Remove a document and all that was made of it."""
        self._call("DELETE", _path(document_id))

    def _call(self, method: str, path: str, **request: Any) -> httpx.Response:
        with self._reaching():
            response = self._http.request(method, path, **request)
        if not response.is_success:
            raise refusal(response)
        return response

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise ClientError(f"the server at {self._url} did not answer in time") from error
        except httpx.UnsupportedProtocol as error:
            raise ClientError(f"{self._url} is not an http:// or https:// URL") from error
        except httpx.RemoteProtocolError as error:
            raise ClientError(f"the server at {self._url} ended its answer early") from error
        except httpx.TransportError as error:
            raise ClientError(
                f"no server answers at {self._url}; start one with `lift serve`, "
                "or name another with --url"
            ) from error


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _path(document_id: str) -> str:
    return f"/documents/{quote(document_id, safe='')}"
