"""What the service refuses: one tree of errors, each with a code, a status, a default message."""

import inspect
from typing import Any, ClassVar

from starlette.exceptions import HTTPException


class ApiError(HTTPException):
    """The request was refused.

    It is an `HTTPException` because FastAPI answers 400 to any other that ends the reading of a
    body. Extra fields become members of the problem.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    retry_seconds: ClassVar[int | None] = None
    """When it may be worth to ask again; unset is the same for all that are refused for a while."""

    def __init__(self, detail: str | None = None, **extras: Any) -> None:
        retry = {} if self.retry_seconds is None else {"Retry-After": str(self.retry_seconds)}
        super().__init__(self.status, detail or self.title(), retry)
        self.extras = extras

    @classmethod
    def title(cls) -> str:
        """Return the first line of the class's docstring."""
        return inspect.cleandoc(cls.__doc__ or "").splitlines()[0]


class HostNotAllowedError(ApiError):
    """The server does not answer to this name."""

    code, status = "host_not_allowed", 421


class CrossOriginError(ApiError):
    """The request comes from a web page of another origin."""

    code, status = "cross_origin", 403


class UnauthenticatedError(ApiError):
    """The request needs an API key: send `Authorization: Bearer lift_…`."""

    code, status = "unauthenticated", 401

    def __init__(self, detail: str | None = None, challenge: str = "Bearer") -> None:
        super().__init__(detail)
        self.headers = {"WWW-Authenticate": challenge}


class ScopeMissingError(ApiError):
    """The API key is not meant for this."""

    code, status = "scope_missing", 403


class QuotaExceededError(ApiError):
    """The owner of the API key has used up what the key allows."""

    code, status = "quota_exceeded", 403


class RateLimitedError(ApiError):
    """The API key sends more requests a minute than it may."""

    code, status = "rate_limited", 429

    def __init__(self, detail: str, retry_seconds: int, **extras: Any) -> None:
        super().__init__(detail, **extras)
        self.headers = {"Retry-After": str(retry_seconds)}


class TooManyAsksError(ApiError):
    """The API key asks more questions at the same time than it may."""

    code, status = "too_many_asks", 429
    retry_seconds = 2


class KeyNotFoundError(ApiError):
    """There is no API key with this id."""

    code, status = "key_not_found", 404


class OwnerTakenError(ApiError):
    """The owner has documents or API keys already; name the owner to share them."""

    code, status = "owner_taken", 409


class KeysOffError(ApiError):
    """The server asks nobody for a key, so it lets nobody make one; `lift keys create` does."""

    code, status = "keys_off", 409


class IdempotencyKeyReusedError(ApiError):
    """The Idempotency-Key came with another request before; give each request a key of its own."""

    code, status = "idempotency_key_reused", 422


class IdempotencyKeyInUseError(ApiError):
    """The first request with this Idempotency-Key is still being carried out; send it again."""

    code, status = "idempotency_key_in_use", 409
    retry_seconds = 1


class DocumentNotFoundError(ApiError):
    """There is no document with this id."""

    code, status = "document_not_found", 404


class DocumentNotReadyError(ApiError):
    """The document's memory is not trained yet."""

    code, status = "document_not_ready", 409


class DocumentFailedError(ApiError):
    """The document could not be turned into a memory."""

    code, status = "document_failed", 409


class DocumentCancelledError(ApiError):
    """The document's training was cancelled before it had a memory; retry it to go on."""

    code, status = "document_cancelled", 409


class AdapterUnusableError(ApiError):
    """The document's adapter cannot be used on this server; other documents are unaffected.

    A conflict, not a server error: asking again fails again, a relift of the document helps.
    """

    code, status = "adapter_unusable", 409


class AdaptersFullError(ApiError):
    """Pinned memories would take more main memory than they may; unpin others first."""

    code, status = "adapters_full", 409


class RangeNotSatisfiableError(ApiError):
    """The file has not the bytes that Range asks for."""

    code, status = "range_not_satisfiable", 416

    def __init__(self, detail: str, size_bytes: int) -> None:
        super().__init__(detail)
        self.headers = {"Content-Range": f"bytes */{size_bytes}"}


class BodyTooLargeError(ApiError):
    """The request's body is too large."""

    code, status = "body_too_large", 413


class DocumentTooLargeError(ApiError):
    """The document is too large."""

    code, status = "document_too_large", 413


class DocumentOverLimitError(ApiError):
    """Reading the document takes more than a document may take."""

    code, status = "document_over_limit", 413


class UnsupportedContentTypeError(ApiError):
    """The body must be multipart/form-data or application/json."""

    code, status = "unsupported_content_type", 415


class DocumentUnsupportedError(ApiError):
    """The document is of a kind that is not read."""

    code, status = "document_unsupported", 415


class DocumentEmptyError(ApiError):
    """The document holds no text."""

    code, status = "document_empty", 422


class DocumentDamagedError(ApiError):
    """The document breaks the rules of its own format."""

    code, status = "document_damaged", 422


class DocumentProtectedError(ApiError):
    """The document is locked with a password."""

    code, status = "document_protected", 422


class DocumentUndecodableError(ApiError):
    """The document's character encoding could not be told."""

    code, status = "document_undecodable", 422


class UnknownPresetError(ApiError):
    """There is no preset of this name."""

    code, status = "unknown_preset", 422


class InvalidOptionError(ApiError):
    """An option is unknown, or has a value that it cannot have."""

    code, status = "invalid_option", 422


class InvalidCursorError(ApiError):
    """The cursor is not one that this server gave out; begin without one."""

    code, status = "invalid_cursor", 422


class TooManyTokensError(ApiError):
    """The answer asked for is longer than this server allows."""

    code, status = "too_many_tokens", 422


class QuestionTooLongError(ApiError):
    """The question does not fit into the model's window."""

    code, status = "question_too_long", 422


class NotReadyError(ApiError):
    """A part that the server needs does not work."""

    code, status = "not_ready", 503


class DatabaseUnavailableError(ApiError):
    """The database cannot be reached, or is too busy; try again later."""

    code, status = "database_unavailable", 503


class StoreUnavailableError(ApiError):
    """The store that keeps the documents' files cannot be reached; try again later."""

    code, status = "store_unavailable", 503


class TooManyStreamsError(ApiError):
    """As many event streams are open as this server allows; try again in a few seconds."""

    code, status = "too_many_streams", 503


class EngineBusyError(ApiError):
    """As many questions wait as this server allows; ask again in a few seconds."""

    code, status = "engine_busy", 503


class EngineUnavailableError(ApiError):
    """The engine that answers questions does not work."""

    code, status = "engine_unavailable", 503
