"""Cures for operations: their words, their parameters, how one leads to another."""

import re
from typing import Any

from app.openapi.walking import Json, media_types_of, operations_of, parameters_of
from app.openapi.words import EXAMPLES, PARAMETERS

_DOCUMENT_ID = "document_id"
_UPLOAD = "create_document"
_SUMMARY_END = re.compile(r"[.;:](\s|$)")


def summarise(document: Json) -> None:
    """Begin with what an operation does; FastAPI repeats the function's name there."""
    for operation in operations_of(document):
        description = operation.body.get("description", "")
        operation.body["summary"] = _SUMMARY_END.split(description, maxsplit=1)[0]
        for response in operation.body["responses"].values():
            if response.get("description") == "Successful Response":
                response["description"] = "Done"


def open_health(document: Json) -> None:
    """Say that health is told without a key."""
    for operation in operations_of(document):
        if "health" in operation.body.get("tags", ()):
            operation.body["security"] = []


def describe_parameters(document: Json) -> None:
    """Describe the parameters that many routes have, and bound ids, none of which is long."""
    for operation in operations_of(document):
        for parameter in parameters_of(operation.body):
            if parameter["name"] in PARAMETERS:
                parameter.setdefault("description", PARAMETERS[parameter["name"]])
            if parameter["in"] == "path":
                parameter["schema"] |= {"minLength": 1, "maxLength": 100}


def add_examples(document: Json) -> None:
    """Show a request for each body that has an example."""
    for operation in operations_of(document):
        for _, media in media_types_of({"responses": {}} | _request_of(operation.body)):
            name = media["schema"].get("$ref", "").rpartition("/")[2]
            if name in EXAMPLES:
                media["example"] = EXAMPLES[name]


def link_documents(document: Json) -> None:
    """Say where an uploaded document's id is used: testing tools follow these links."""
    users = {
        operation.body["operationId"]: {
            "operationId": operation.body["operationId"],
            "parameters": {_DOCUMENT_ID: "$response.body#/id"},
        }
        for operation in operations_of(document)
        if _DOCUMENT_ID in {parameter["name"] for parameter in parameters_of(operation.body)}
    }
    for operation in operations_of(document):
        if operation.body["operationId"] == _UPLOAD:
            for status, response in operation.body["responses"].items():
                if status.startswith("2"):
                    response["links"] = users


def _request_of(operation: Json) -> dict[str, Any]:
    return {"requestBody": operation["requestBody"]} if "requestBody" in operation else {}
