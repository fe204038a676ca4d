"""Our own checks, which Schemathesis runs beside its own on every response."""

import json
import re
from itertools import count
from typing import Any

import schemathesis
from jsonschema import Draft202012Validator

_BEYOND_SCHEMAS = {
    "document_empty": "white space is text, too",
    "document_unsupported": "what bytes are is told by looking at them",
    "document_damaged": "likewise",
    "document_protected": "likewise",
    "document_undecodable": "likewise",
    "document_too_large": "in bytes, whatever the characters",
    "invalid_cursor": "it is opaque",
    "invalid_option": "the method's own settings are not part of the interface",
    "unknown_preset": "likewise",
    "idempotency_key_reused": "the server remembers",
    "too_many_tokens": "the settings limit it",
    "question_too_long": "the model's window is counted in tokens",
    "range_not_satisfiable": "it depends on the file",
    "invalid_messages": "who speaks last",
}
"""Codes with which a request may be refused that keeps to its schema, and why no schema says so."""
_INVALID_ALL_THE_SAME = {
    r"create_key /body": "without an owner the name has to be one",
    r"create_key /body/name": "printable characters are no regular expression",
    r"create_documents? /body/options": "text of a form that holds JSON",
    r"create_document /body/title": "white space around it does not count",
    r"(ask_documents?|stream_answers?) /body/(question|history/\d+/content)": "likewise",
    r"(ask_documents?|stream_answers?) /body": "whose turn it is; contradictions",
    r"(ask_documents|stream_answers) /body/document_ids": "each once; sets make it say otherwise",
}
"""Operations and fields that are refused as `invalid_request` all the same, and why."""


_KEY = "Idempotency-Key"
_KEY_LENGTH = 255
_sent = count()


@schemathesis.hook
def before_call(ctx: Any, case: Any, kwargs: Any) -> None:
    """Send no key twice in sequences of requests.

    A request under a key of an earlier sequence is answered as it was then, with a document that
    may have been deleted meanwhile; Schemathesis takes it for a new one, which has to be there.
    """
    is_in_sequence = case.meta is not None and case.meta.phase.name == "stateful"
    key = (case.headers or {}).get(_KEY) if is_in_sequence else None
    if isinstance(key, str) and re.fullmatch(r"[!-~][ -~]{0,254}", key):
        mark = f"-{next(_sent)}"
        case.headers[_KEY] = key[: _KEY_LENGTH - len(mark)] + mark


@schemathesis.check
def refusal_is_beyond_schemas(ctx: Any, response: Any, case: Any) -> None:
    """Refuse what keeps to its schema only for what a schema cannot say."""
    is_refused = response.status_code in (400, 406, 413, 415, 416, 422)
    if not is_refused or case.meta is None or case.meta.generation.mode.is_negative:
        return
    problem = response.json()
    if "error" in problem:
        assert problem["error"]["param"], f"a valid chat was refused: {problem}"
    elif problem["code"] != "invalid_request":
        assert problem["code"] in _BEYOND_SCHEMAS, f"a valid request was refused: {problem}"
    else:
        operation = case.operation.definition.raw["operationId"]
        for each in problem["errors"]:
            place = f"{operation} {each['pointer']}"
            is_known = any(re.fullmatch(known, place) for known in _INVALID_ALL_THE_SAME)
            assert is_known, f"a valid request was refused: {problem}"


@schemathesis.check
def streamed_data_keeps_to_its_schema(ctx: Any, response: Any, case: Any) -> None:
    """Hold the data of each event to the schema that clients are generated from.

    Schemathesis itself reads the schema of a stream as that of a whole event, as OpenAPI 3.2 does.
    """
    kind = "".join(response.headers.get("content-type", [""])).partition(";")[0]
    if kind != "text/event-stream":
        return
    document = case.operation.schema.raw_schema
    content = case.operation.definition.raw["responses"]["200"]["content"]
    name = content[kind]["schema"]["x-data"]
    schema = {"$ref": name, "components": document["components"]}
    for line in response.text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            Draft202012Validator(schema).validate(json.loads(line.removeprefix("data: ")))
