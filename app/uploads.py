"""Reads an upload from a request: a multipart file or JSON text. Knows no row and no store."""

import dataclasses
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import structlog
from anyio import CancelScope
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from app.errors import StoreUnavailableError, UnsupportedContentTypeError
from app.intake import Upload
from app.schemas import ArchiveFields, TextUpload, UploadFields

_MULTIPART = "multipart/form-data"
_JSON = "application/json"
_APART = ("content", "starts_from")
_ASKED = [field.name for field in dataclasses.fields(Upload) if field.name not in _APART]
_log = structlog.get_logger()


@asynccontextmanager
async def read_upload(request: Request, default_preset: str) -> AsyncIterator[Upload]:
    """Lend what was uploaded; a multipart file is open until the caller is done with it.

    Raises:
        UnsupportedContentTypeError: neither multipart nor JSON.
        StoreUnavailableError: the disk has no room for it.
        RequestValidationError: a field is missing or wrong.
    """
    media_type = _media_type(request)
    if media_type == _MULTIPART:
        async with _opened_form(request) as form:
            yield _read_form(form, UploadFields, default_preset)
    elif media_type == _JSON:
        yield _read_json(await request.body(), default_preset)
    else:
        raise UnsupportedContentTypeError(
            f"the body must be {_MULTIPART} or {_JSON}, not {media_type or 'untyped'}"
        )


@asynccontextmanager
async def read_archive(request: Request, default_preset: str) -> AsyncIterator[Upload]:
    """Lend an archive that was uploaded; it is open until the caller is done with it.

    Raises:
        UnsupportedContentTypeError: it is not multipart.
        StoreUnavailableError: the disk has no room for it.
        RequestValidationError: a field is missing or wrong.
    """
    media_type = _media_type(request)
    if media_type != _MULTIPART:
        raise UnsupportedContentTypeError(
            f"the body must be {_MULTIPART}, not {media_type or 'untyped'}"
        )
    async with _opened_form(request) as form:
        yield _read_form(form, ArchiveFields, default_preset)


def asked_of(upload: Upload) -> list[Any]:
    """Return all that an upload asks for, as JSON: its content stands there as a hash.

    A wish that older servers did not know is left out where it was not made: the same request is
    the same before and after an update.
    """
    file: Any = upload.content  # whatever came can be read into a buffer
    content = hashlib.file_digest(file, "sha256").hexdigest()
    upload.content.seek(0)
    asked = [content, *(getattr(upload, name) for name in _ASKED)]
    return asked if upload.starts_from is None else [*asked, upload.starts_from]


def describe_upload() -> dict[str, Any]:
    """Return the request body's part of the OpenAPI operation."""
    form = _describe_form(UploadFields, "A document, up to the limit")
    text = {"schema": TextUpload.model_json_schema()}
    return {"requestBody": {"required": True, "content": {_MULTIPART: form, _JSON: text}}}


def describe_archive() -> dict[str, Any]:
    """Return the request body's part of the OpenAPI operation."""
    form = _describe_form(ArchiveFields, "A ZIP archive of documents, up to the limit")
    return {"requestBody": {"required": True, "content": {_MULTIPART: form}}}


def _describe_form(fields: type[ArchiveFields], what: str) -> dict[str, Any]:
    file = {"type": "string", "format": "binary", "description": what}
    options = {"type": "string", "description": "Method options, as a JSON object"}
    form = fields.model_json_schema()
    form["properties"] |= {"file": file, "options": options}
    form["required"] = ["file"]
    return {"schema": form}


@asynccontextmanager
async def _opened_form(request: Request) -> AsyncIterator[FormData]:
    """Read a form, its file to the disk if it is large, and let that go at the end."""
    try:
        form = await request.form(max_files=1, max_fields=10)
    except OSError as error:
        _log.error("upload_not_spooled", error=str(error))
        raise StoreUnavailableError(
            f"the upload cannot be read to the disk: {error.strerror}; make room in the folder for "
            "temporary files, or try again later"
        ) from error
    try:
        yield form
    finally:
        with CancelScope(shield=True):  # a file that is open stays so if nobody waits for its end
            await form.close()


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _read_form(form: FormData, kind: type[ArchiveFields], default_preset: str) -> Upload:
    values = dict(form)
    file = values.pop("file", None)
    if not isinstance(file, UploadFile):
        problem = {"type": "missing", "loc": ("body", "file"), "msg": "A file is required"}
        raise RequestValidationError([problem])
    try:
        fields = kind.model_validate(values)
    except ValidationError as error:
        raise _in_body(error) from error
    return Upload(
        content=file.file,
        filename=file.filename,
        title=fields.title if isinstance(fields, UploadFields) else None,
        starts_from=fields.starts_from if isinstance(fields, UploadFields) else None,
        preset=fields.preset or default_preset,
        options=fields.options,
        priority=fields.priority,
        device_kind=fields.device_kind,
        duplicate=fields.duplicate,
    )


def _read_json(body: bytes, default_preset: str) -> Upload:
    try:
        sent = TextUpload.model_validate_json(body)
    except ValidationError as error:
        raise _in_body(error) from error
    return Upload(
        content=BytesIO(sent.text.encode()),
        filename=None,
        title=sent.title,
        starts_from=sent.starts_from,
        preset=sent.preset or default_preset,
        options=sent.options,
        priority=sent.priority,
        device_kind=sent.device_kind,
        duplicate=sent.duplicate,
    )


def _in_body(error: ValidationError) -> RequestValidationError:
    problems: list[Mapping[str, Any]] = [
        problem | {"loc": ("body", *problem["loc"])} for problem in error.errors()
    ]
    return RequestValidationError(problems)
