"""What each operation may answer in place of what was asked for."""

from typing import Any

from app.openapi.walking import Json, Operation, operations_of
from app.openapi.words import REFUSALS, RETRY_AFTER
from app.problems import MEDIA_TYPE, Problem

_SCHEMAS = "#/components/schemas/"
_ANYWHERE = (401, 403, 421, 429, 500, 503)
_WITH_BODY = (400, 413, 422)
_IN_HEALTH = (421, 500)
_WITH_RETRY_AFTER = (429, 503)


def describe_refusals(document: Json) -> None:
    """Declare all refusals of all operations.

    FastAPI declares an error of its own where a route says nothing else, beside an empty one of the
    right media type if it does.
    """
    problem = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    document["components"]["schemas"] |= problem.pop("$defs") | {"Problem": problem}
    shared = document["components"].setdefault("responses", {})
    for operation in operations_of(document):
        declared = {status for status in operation.body["responses"] if _is_refusal(status)}
        statuses = declared | {str(status) for status in _possible(operation)}
        dialect = _dialect(operation)
        responses = operation.body["responses"]
        for status in sorted(statuses):
            name = _name(status) if dialect is None else f"{_name(status)}InOpenAI"
            shared[name] = _response(int(status), dialect)
            responses[status] = {"$ref": f"#/components/responses/{name}"}
        operation.body["responses"] = dict(sorted(responses.items()))
    document["components"]["responses"] = dict(sorted(shared.items()))


def _possible(operation: Operation) -> tuple[int, ...]:
    if "health" in operation.body.get("tags", ()):
        return _IN_HEALTH
    return _ANYWHERE + (_WITH_BODY if "requestBody" in operation.body else ())


def _dialect(operation: Operation) -> Json | None:
    """Return the content of an operation's refusals if they are no problems."""
    for status, response in operation.body["responses"].items():
        content = response.get("content", {})
        if _is_refusal(status) and content and MEDIA_TYPE not in content:
            schema = content.get("application/json", {}).get("schema", {})
            if schema.get("$ref") != f"{_SCHEMAS}HTTPValidationError":
                return dict(content)
    return None


def _response(status: int, dialect: Json | None) -> Json:
    problem = {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    response: dict[str, Any] = {"description": REFUSALS[status][1]}
    if status in _WITH_RETRY_AFTER:
        response["headers"] = {"Retry-After": RETRY_AFTER}
    return response | {"content": dialect or problem}


def _name(status: str) -> str:
    return REFUSALS[int(status)][0]


def _is_refusal(status: str) -> bool:
    return status.isdecimal() and int(status) >= 400
