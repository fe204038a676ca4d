"""Finds schemas and operations in an OpenAPI document. Changes nothing."""

from collections.abc import Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]

_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs", "dependentSchemas")
_SINGLES = (
    "items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties", "contentSchema",
)  # fmt: skip
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Operation(NamedTuple):
    """One method of one path."""

    path: str
    method: str
    body: Json
    """What the document says of it."""


def operations_of(document: Json) -> Iterator[Operation]:
    """Go through all operations."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield Operation(path, method, item[method])


def schemas_of(document: Json) -> Iterator[Json]:
    """Go through all schemas, those within another one before it."""
    for root in _roots(document):
        yield from schemas_within(root)


def schemas_within(schema: Any) -> Iterator[Json]:
    """Go through a schema's own schemas and then itself; a boolean one is passed over."""
    if not isinstance(schema, dict):
        return
    for name in _MAPS:
        for each in schema.get(name, {}).values():
            yield from schemas_within(each)
    for name in _LISTS:
        for each in schema.get(name, []):
            yield from schemas_within(each)
    for name in _SINGLES:
        yield from schemas_within(schema.get(name))
    yield schema


def media_types_of(operation: Json) -> Iterator[tuple[str, Json]]:
    """Go through what an operation takes and gives: names of media types and their objects."""
    holders = [operation.get("requestBody", {}), *operation["responses"].values()]
    for holder in holders:
        yield from holder.get("content", {}).items()


def parameters_of(operation: Json) -> list[Json]:
    """Return an operation's parameters in path, query and header."""
    parameters: list[Json] = operation.get("parameters", [])
    return parameters


def _roots(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for each in node:
            yield from _roots(each)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "schema":
                yield value
            elif name == "schemas":
                yield from value.values()
            elif name not in ("example", "examples"):  # these hold values, whatever they look like
                yield from _roots(value)
