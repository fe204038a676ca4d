"""Cures for schemas, wherever they stand."""

import json
from typing import Any

from app.openapi.walking import Json, operations_of, parameters_of, schemas_of

_REF = "#/components/schemas/"


def drop_member_titles(document: Json) -> None:
    """Leave titles to components: openapi-generator names classes after those of members."""
    for schema in schemas_of(document):
        schema.pop("title", None)
    for name, schema in document["components"]["schemas"].items():
        schema["title"] = name
    for operation in operations_of(document):
        for parameter in parameters_of(operation.body):
            parameter.get("schema", {}).pop("title", None)


def state_limits(document: Json, max_document_bytes: int, max_answer_tokens: int) -> None:
    """Say the bounds that the settings set, so that a client sends nothing that is refused."""
    schemas = document["components"]["schemas"]
    text = schemas["TextUpload"]["properties"]["text"]
    text |= {"minLength": 1, "maxLength": max_document_bytes}
    for tokens in _numbers(schemas["Question"]["properties"]["max_tokens"]):
        tokens["maximum"] = max_answer_tokens


def drop_unused(document: Json) -> None:
    """Forget schemas that nothing refers to, FastAPI's own error among them."""
    schemas = document["components"]["schemas"]
    while unused := schemas.keys() - _referred(document):
        for name in unused:
            del schemas[name]
    document["components"]["schemas"] = dict(sorted(schemas.items()))


def _numbers(schema: Json) -> list[Json]:
    choices: list[Json] = schema.get("anyOf", [schema])
    return [choice for choice in choices if choice.get("type") in ("integer", "number")]


def _referred(document: Json) -> set[str]:
    found: set[str] = set()

    def note(node: dict[str, Any]) -> dict[str, Any]:
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_REF):
            found.add(reference.removeprefix(_REF))
        return node

    json.loads(json.dumps(document), object_hook=note)
    return found
