"""How a client reads what a server sends: values, server-sent events, refusals."""

from collections.abc import Iterator
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from app.client_views import Answer

ModelT = TypeVar("ModelT", bound=BaseModel)


class ClientError(Exception):
    """The server refused or is not there; the message is one sentence for a person."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        """The problem's code, where the server gave one."""


class _Delta(BaseModel):
    text: str


class _Problem(BaseModel):
    detail: str
    code: str | None = None


def read(model: type[ModelT], response: httpx.Response) -> ModelT:
    """Return the value that a response holds.

    Raises:
        ClientError: it holds none, as no LIFT server answers.
    """
    return _parse(model, response.content, response)


def read_answer(response: httpx.Response) -> Iterator[str | Answer]:
    """Give an answer's pieces as they come, and at the end what is told of it.

    Raises:
        ClientError: the server could not go on, or it is no LIFT server.
    """
    for event, data in _events(response.iter_text()):
        match event:
            case "answer.delta":
                yield _parse(_Delta, data, response).text
            case "answer.done":
                yield _parse(Answer, data, response)
                return
            case "error":
                problem = _parse(_Problem, data, response)
                raise ClientError(problem.detail, problem.code)
    raise ClientError(f"what answers at {response.url} is not a LIFT server")


def refusal(response: httpx.Response) -> ClientError:
    """Return what an unsuccessful response says, which has been read, to be raised."""
    try:
        problem = response.json()
        return ClientError(problem.get("detail") or problem["title"], problem.get("code"))
    except (ValueError, KeyError, AttributeError):
        return ClientError(f"the server answered {response.status_code} {response.reason_phrase}")


def _events(pieces: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Give the names and data of server-sent events; only line feeds end a line here."""
    rest = ""
    for piece in pieces:
        *blocks, rest = (rest + piece).split("\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            yield fields.get("event", ""), fields.get("data", "")


def _parse(model: type[ModelT], data: str | bytes, response: httpx.Response) -> ModelT:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise ClientError(f"what answers at {response.url} is not a LIFT server") from error
