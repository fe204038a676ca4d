"""The document that clients are generated from: whole, valid, without FastAPI's faults."""

import json
import re
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from fastapi import APIRouter, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from app.openapi import Limits, downgrade
from app.openapi.__main__ import FOLDER, make_documents
from app.openapi.serving import DescribedApi
from app.openapi.walking import operations_of, schemas_of
from app.openapi.words import EXAMPLES

MADE = make_documents()
DOCUMENT: dict[str, Any] = json.loads(MADE["openapi.json"])
OPERATIONS = [pytest.param(each, id=each.body["operationId"]) for each in operations_of(DOCUMENT)]
DIALECTS = [{"application/problem+json"}, {"application/json"}]


@pytest.mark.parametrize("name", MADE)
def test_committed_document_is_what_the_server_says(name: str) -> None:
    """Whoever changes a route runs `make openapi`, and sees what clients will see of it."""
    assert (FOLDER / name).read_text() == MADE[name], "not up to date: run `make openapi`"


@pytest.mark.parametrize(
    ("name", "version"), [("openapi.json", "3.1."), ("openapi-3.0.json", "3.0.")]
)
def test_document_is_valid(name: str, version: str) -> None:
    """It keeps to the OpenAPI version that it names."""
    document = json.loads(MADE[name])
    openapi_spec_validator.validate(document)

    assert document["openapi"].startswith(version)


def test_server_serves_both_documents(client: TestClient) -> None:
    """A running server's differ from the committed ones in its own limits only."""
    newer = client.get("/openapi.json").text
    default, own = '"maxLength": 20971520', '"maxLength":10000'

    assert newer.count(own + ",") + newer.count(own + "}") == 3
    assert json.loads(newer.replace(own, default)) == DOCUMENT
    assert client.get("/openapi-3.0.json").json()["openapi"] == "3.0.3"


def test_operation_ids_are_verb_and_noun() -> None:
    """Generated clients get short, unique method names."""
    ids = [operation.body["operationId"] for operation in operations_of(DOCUMENT)]

    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+_[a-z]+(_[a-z]+)?", each) for each in ids)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_says_what_it_does(operation: Any) -> None:
    """A summary of one line, a description, a known tag, and words for each parameter."""
    tags = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}

    assert 0 < len(operation.body["summary"]) <= 80
    assert operation.body["description"].startswith(operation.body["summary"])
    assert operation.body["tags"]
    assert set(operation.body["tags"]) <= tags
    assert all(each.get("description") for each in operation.body.get("parameters", []))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_declares_its_refusals(operation: Any) -> None:
    """What can go wrong anywhere is declared, each in one dialect, with Retry-After if it helps."""
    responses = {
        status: DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
        for status, response in operation.body["responses"].items()
        if status >= "400"
    }
    is_health = "health" in operation.body["tags"]

    assert set(responses) >= ({"500"} if is_health else {"401", "403", "429", "500", "503"})
    assert [set(each["content"]) for each in responses.values()] in [
        [dialect] * len(responses) for dialect in DIALECTS
    ]
    assert {
        status for status, each in responses.items() if "Retry-After" in each.get("headers", {})
    } == ({"429", "503"} & set(responses))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_needs_a_key_unless_it_is_about_health(operation: Any) -> None:
    """The key is declared once for all."""
    assert DOCUMENT["security"] == [{"key": []}]
    assert ("security" in operation.body) == ("health" in operation.body["tags"])


def test_no_words_stand_in_the_document_that_generators_stumble_over() -> None:
    """Neither FastAPI's error, nor a later version's words, nor titles of members."""
    schemas = DOCUMENT["components"]["schemas"]

    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    assert "itemSchema" not in MADE["openapi.json"]
    assert "contentMediaType" not in MADE["openapi.json"]
    assert {each["title"] for each in schemas_of(DOCUMENT) if "title" in each} == set(schemas)


def test_requests_have_bounds() -> None:
    """Every text, number and list that a client may send is bounded."""
    unbounded = [
        (operation.body["operationId"], where)
        for operation in operations_of(DOCUMENT)
        for where, schema in _sent(operation.body)
        if not _is_bounded(schema)
    ]

    assert unbounded == []


def test_upload_takes_a_file_or_json() -> None:
    """Both bodies have names; a form's fields are never null."""
    body = DOCUMENT["paths"]["/documents"]["post"]["requestBody"]["content"]
    schemas = DOCUMENT["components"]["schemas"]

    assert {media: each["schema"]["$ref"].rpartition("/")[2] for media, each in body.items()} == {
        "multipart/form-data": "UploadFields",
        "application/json": "TextUpload",
    }
    assert schemas["UploadFields"]["properties"]["file"]["format"] == "binary"
    assert '"null"' not in json.dumps(schemas["UploadFields"])
    assert {"type": "null"} in schemas["TextUpload"]["properties"]["title"]["anyOf"]


def test_stream_declares_what_its_messages_are() -> None:
    """A generated client knows an event of the stream by the list's name for it."""
    stream = DOCUMENT["paths"]["/documents/{document_id}/events/stream"]["get"]["responses"]["200"]

    assert stream["content"] == {
        "text/event-stream": {"schema": {"$ref": "#/components/schemas/DocumentEvent"}}
    }


def test_operation_answers_in_one_way() -> None:
    """An answer whole and an answer as a stream are two operations for generated clients."""
    paths, schemas = DOCUMENT["paths"], DOCUMENT["components"]["schemas"]
    whole = paths["/documents/{document_id}/ask"]["post"]["responses"]["200"]["content"]
    stream = paths["/documents/{document_id}/ask/stream"]["post"]["responses"]["200"]["content"]

    assert whole == {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
    assert stream == {"text/event-stream": {"schema": {"$ref": "#/components/schemas/AnswerEvent"}}}
    assert "stream" not in schemas["Question"]["properties"]


def test_schemas_hold_nothing_that_generators_fail_on() -> None:
    """No null alone, no object as a default, no integer of 32 bits, no choices without a name."""
    schemas = list(schemas_of(DOCUMENT))
    members = [each for schema in schemas for each in schema.get("properties", {}).values()]

    assert {"type": "null"} not in members
    assert not [each for each in schemas if isinstance(each.get("default"), dict)]
    assert not [each for each in schemas if "uniqueItems" in each]
    assert all("format" in each for each in schemas if each.get("type") == "integer")
    assert DOCUMENT["components"]["schemas"]["DeviceKind"]["enum"] == ["cpu", "cuda"]


def test_upload_links_to_all_that_its_document_is_good_for() -> None:
    """Tools follow the links from an upload to everything that takes a document's id."""
    links = DOCUMENT["paths"]["/documents"]["post"]["responses"]["202"]["links"]

    assert {"get_document", "ask_document", "delete_document"} <= set(links)
    assert {link["operationId"] for link in links.values()} == {
        operation.body["operationId"]
        for operation in operations_of(DOCUMENT)
        if "{document_id}" in operation.path
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_keeps_to_its_schema(name: str) -> None:
    """What the document shows as a request is one."""
    schema = DOCUMENT["components"]["schemas"][name]
    resolved = {**schema, "components": DOCUMENT["components"]}

    Draft202012Validator(resolved).validate(EXAMPLES[name])


class _Told(BaseModel):
    """What a stream tells."""

    text: str


def test_new_routes_are_cured_like_the_others() -> None:
    """FastAPI's own way to declare streams, files and invalid requests is repaired anywhere."""
    router = APIRouter(tags=["questions"])

    @router.get("/told", response_class=EventSourceResponse)
    async def hear_told() -> Any:
        """Hear it."""
        yield ServerSentEvent(data=_Told(text="x"))

    @router.get("/file", responses={200: {"content": {"application/octet-stream": {}}}})
    async def get_file(count: int | None = None) -> Response:
        """Get it."""
        return Response()

    cured = _describe(router)
    told, file = cured["paths"]["/told"]["get"], cured["paths"]["/file"]["get"]

    assert "itemSchema" not in json.dumps(cured)
    assert "schema" in told["responses"]["200"]["content"]["text/event-stream"]
    assert file["responses"]["200"]["content"]["application/octet-stream"] == {
        "schema": {"type": "string", "format": "binary"}
    }
    assert file["responses"]["422"] == {"$ref": "#/components/responses/Invalid"}
    assert file["parameters"][0]["schema"] == {"type": "integer", "format": "int64"}
    openapi_spec_validator.validate(cured)
    openapi_spec_validator.validate(downgrade(cured))


def _describe(router: APIRouter) -> dict[str, Any]:
    from app.routes import documents, questions

    app = DescribedApi(
        Limits(1000, 10), title="x", generate_unique_id_function=lambda route: route.name
    )
    for each in (documents.router, questions.router, router):
        app.include_router(each)
    return app.openapi()


def _sent(operation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [(each["name"], each["schema"]) for each in operation.get("parameters", [])]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schemas, waiting = DOCUMENT["components"]["schemas"], [media["schema"]["$ref"]]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop().rpartition("/")[2]
            if name in seen:
                continue
            seen.add(name)
            found += [
                (f"{name}: {json.dumps(each)}", each)
                for each in schemas_of({"schema": schemas[name]})
            ]
            waiting += re.findall(r'"\$ref": "([^"]+)"', json.dumps(schemas[name]))
    return found


def _is_bounded(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if {"enum", "const"} & set(schema):
        return True
    if kind == "string":
        return bool({"maxLength", "format"} & set(schema))
    if kind in ("integer", "number"):
        return {"minimum", "exclusiveMinimum"} & set(schema) and "maximum" in schema
    return kind != "array" or "maxItems" in schema


def test_readme_says_where_the_documents_are() -> None:
    """Who wants a client finds the file."""
    assert "app/openapi/openapi.json" in Path("README.md").read_text()
