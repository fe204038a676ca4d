"""Cures for what requests and responses hold."""

from typing import Any

from app.openapi.walking import (
    Json,
    media_types_of,
    operations_of,
    parameters_of,
    schemas_of,
    schemas_within,
)

_STREAM = "text/event-stream"
_FORM = "multipart/form-data"
_BINARY = "application/octet-stream"
_NAMED = {"properties", "oneOf", "anyOf"}
_REF = "#/components/schemas/"


def name_bodies(document: Json) -> None:
    """Give schemas that stand in place a name: generators make up their own otherwise."""
    known = document["components"].setdefault("schemas", {})
    for operation in operations_of(document):
        for _, media in media_types_of(operation.body):
            schema = media.get("schema", {})
            if "title" in schema and _NAMED & schema.keys():
                known |= _moved_definitions(schema)
                known[schema["title"]] = schema
                media["schema"] = {"$ref": _REF + schema["title"]}


def describe_streams(document: Json) -> None:
    """Name an event's schema by `schema`.

    FastAPI writes `itemSchema`, a word of OpenAPI 3.2, which generators for 3.1 refuse.
    """
    known = document["components"].setdefault("schemas", {})
    for operation in operations_of(document):
        for name, media in media_types_of(operation.body):
            if name == _STREAM and "itemSchema" in media:
                media["schema"] = media.pop("itemSchema")
            if name == _STREAM and "$defs" in media["schema"]:
                schema = media["schema"]
                known |= _moved_definitions(schema)
                known[schema["title"]] = schema
                media["schema"] = {"$ref": _REF + schema["title"]}


def part_streams(document: Json) -> None:
    """Say of what answers whole or, if asked to, as a stream that it answers whole.

    Generated clients know one type of answer for an operation. The same path with `/stream` behind
    it is the operation for the other; whoever writes requests by hand may use either.
    """
    for operation in operations_of(document):
        content = operation.body["responses"].get("200", {}).get("content", {})
        if f"{operation.path}/stream" in document["paths"] and len(content) > 1:
            content.pop(_STREAM, None)
            sent = operation.body["requestBody"]["content"]["application/json"]["schema"]
            document["components"]["schemas"][sent["$ref"].removeprefix(_REF)]["properties"].pop(
                "stream", None
            )


def describe_files(document: Json) -> None:
    """Say `format: binary` of files.

    FastAPI writes `contentMediaType`, which makes openapi-python-client send a file as text without
    a name; of a download it says nothing.
    """
    for schema in schemas_of(document):
        if schema.get("contentMediaType") == _BINARY:
            del schema["contentMediaType"]
            schema["format"] = "binary"
    for operation in operations_of(document):
        for name, media in media_types_of(operation.body):
            if not media.get("schema"):
                media["schema"] = _schema_of_media(name)


def forbid_null_in_text(document: Json) -> None:
    """Say nothing of null where only text is sent: a client would send the word "null"."""
    for operation in operations_of(document):
        for parameter in parameters_of(operation.body):
            _drop_null(parameter.get("schema", {}))
        body = operation.body.get("requestBody", {}).get("content", {})
        for member in _form_members(document, body.get(_FORM, {}).get("schema", {})):
            _drop_null(member)


def _moved_definitions(schema: Json) -> Json:
    for each in schemas_within(schema):
        if "$ref" in each:
            each["$ref"] = each["$ref"].replace("#/$defs/", _REF)
    definitions: Json = schema.pop("$defs", {})
    return definitions


def _schema_of_media(name: str) -> Json:
    if name.startswith("text/"):
        return {"type": "string"}
    return {} if name.endswith("json") else {"type": "string", "format": "binary"}


def _form_members(document: Json, schema: Json) -> list[Json]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].removeprefix(_REF)]
    return [*schema.get("properties", {}).values()]


def _drop_null(schema: Json) -> None:
    choices: list[Any] = schema.get("anyOf", [])
    rest = [choice for choice in choices if choice != {"type": "null"}]
    if len(rest) == 1 and len(choices) == 2:
        del schema["anyOf"]
        schema |= rest[0]
    if schema.get("default", ...) is None:
        del schema["default"]
