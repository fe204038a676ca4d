"""Cures for schemas, wherever they stand."""

import json
from collections.abc import Iterator
from typing import Any

from app.body_limit import BODY_BYTES, FORM_BYTES
from app.openapi.walking import Json, operations_of, parameters_of, schemas_of, schemas_within

_CLOSED = {"enum", "const", "format"}
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


def widen_nulls(document: Json) -> None:
    """Permit a text where there is never anything: openapi-generator fails on null alone."""
    for schema in schemas_of(document):
        for member in schema.get("properties", {}).values():
            if member.get("type") == "null":
                member["type"] = ["string", "null"]


def drop_object_defaults(document: Json) -> None:
    """Leave it to the server what a left-out object is: openapi-python-client knows no such."""
    for schema in schemas_of(document):
        if isinstance(schema.get("default"), dict):
            del schema["default"]


def size_integers(document: Json) -> None:
    """Have sizes and ids in 64 bits: Java and Go would take 32, which is 2 GiB at most."""
    for schema in schemas_of(document):
        types = schema.get("type")
        if types == "integer" or (isinstance(types, list) and "integer" in types):
            schema.setdefault("format", "int64")


def permit_repetition(document: Json) -> None:
    """Sets take what comes twice as what came once: to forbid it would be untrue."""
    for schema in schemas_of(document):
        schema.pop("uniqueItems", None)


def name_choices(document: Json) -> None:
    """Give a member's fixed choices the member's name; generators number them otherwise."""
    known = document["components"]["schemas"]
    found: dict[str, Json] = {}
    for schema in schemas_of(document):
        for member, value in schema.get("properties", {}).items():
            name = "".join(word.capitalize() for word in member.split("_"))
            for choices in filter(_are_choices, [value, *value.get("anyOf", [])]):
                if name not in known and found.setdefault(name, dict(choices)) == choices:
                    choices.clear()
                    choices["$ref"] = _REF + name
    for name, choices in found.items():
        known[name] = choices | {"title": name}


def state_limits(document: Json, max_document_bytes: int, max_answer_tokens: int) -> None:
    """Say the bounds that the settings set, so that a client sends nothing that is refused."""
    members = {
        name: schema.get("properties", {})
        for name, schema in document["components"]["schemas"].items()
    }
    members["TextUpload"]["text"] |= {"minLength": 1, "maxLength": max_document_bytes}
    for form in members.values():
        if form.get("file", {}).get("format") == "binary":
            form["file"]["maxLength"] = max_document_bytes
            form["options"]["maxLength"] = FORM_BYTES
    for question in members.values():
        if question.keys() >= {"question", "max_tokens"}:
            for tokens in _numbers(question["max_tokens"]):
                tokens["maximum"] = max_answer_tokens


def bound_requests(document: Json) -> None:
    """Say of texts and lists without a bound that the body has one."""
    for operation in operations_of(document):
        for _, media in operation.body.get("requestBody", {}).get("content", {}).items():
            for schema in _reached(document, media["schema"]):
                if schema.get("type") == "string" and not _CLOSED & schema.keys():
                    schema.setdefault("maxLength", BODY_BYTES)
                if schema.get("type") == "array":
                    schema.setdefault("maxItems", BODY_BYTES // 2)


def drop_unused(document: Json) -> None:
    """Forget schemas that nothing refers to, FastAPI's own error among them."""
    schemas = document["components"]["schemas"]
    while unused := schemas.keys() - _referred(document):
        for name in unused:
            del schemas[name]
    document["components"]["schemas"] = dict(sorted(schemas.items()))


def _are_choices(schema: Json) -> bool:
    return schema.keys() == {"type", "enum"} and len(schema["enum"]) > 1


def _numbers(schema: Json) -> list[Json]:
    choices: list[Json] = schema.get("anyOf", [schema])
    return [choice for choice in choices if choice.get("type") in ("integer", "number")]


def _reached(document: Json, root: Json) -> Iterator[Json]:
    waiting, seen = [root], set[str]()
    while waiting:
        for schema in schemas_within(waiting.pop()):
            yield schema
            name = schema.get("$ref", "").removeprefix(_REF)
            if name and name not in seen:
                seen.add(name)
                waiting.append(document["components"]["schemas"][name])


def _referred(document: Json) -> set[str]:
    found: set[str] = set()

    def note(node: dict[str, Any]) -> dict[str, Any]:
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_REF):
            found.add(reference.removeprefix(_REF))
        return node

    json.loads(json.dumps(document), object_hook=note)
    return found
