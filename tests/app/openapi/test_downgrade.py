"""OpenAPI 3.1 said in the words of 3.0."""

import copy
from typing import Any

import openapi_spec_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_schema_validator import OAS30Validator

from app.openapi import downgrade

NULL = {"type": "null"}
ONLY_NULL = {"type": "string", "nullable": True, "enum": [None]}


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        (
            {"type": ["string", "integer"]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        (
            {"anyOf": [{"type": "string", "maxLength": 5}, NULL], "description": "d"},
            {"type": "string", "maxLength": 5, "nullable": True, "description": "d"},
        ),
        (
            {"anyOf": [{"$ref": "#/components/schemas/Other"}, NULL]},
            {
                "allOf": [{"$ref": "#/components/schemas/Other"}],
                "nullable": True,
                "type": "object",
            },
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}, NULL]},
            {
                "anyOf": [
                    {"type": "string", "nullable": True},
                    {"type": "integer", "nullable": True},
                ]
            },
        ),
        (
            {"$ref": "#/components/schemas/Other", "description": "d"},
            {"allOf": [{"$ref": "#/components/schemas/Other"}], "description": "d"},
        ),
        ({"const": "a", "type": "string"}, {"enum": ["a"], "type": "string"}),
        (
            {"type": ["string", "null"], "enum": ["a"]},
            {"type": "string", "nullable": True, "enum": ["a", None]},
        ),
        (
            {"type": "integer", "exclusiveMinimum": 0},
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        ),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        (
            {"type": "array", "prefixItems": [{"type": "string"}], "items": False},
            {"type": "array", "items": {"anyOf": [{"type": "string"}]}, "maxItems": 1},
        ),
        ({"type": "array"}, {"type": "array", "items": {}}),
        (
            {"type": "string", "contentMediaType": "application/json", "contentSchema": {}},
            {"type": "string"},
        ),
        (
            {"type": "object", "properties": {"const": {"const": 1}, "type": NULL}},
            {
                "type": "object",
                "properties": {"const": {"enum": [1]}, "type": ONLY_NULL},
            },
        ),
    ],
)
def test_schema_is_said_in_words_of_3_0(newer: dict[str, Any], older: dict[str, Any]) -> None:
    """Each word of 3.1 has its counterpart; members that are called like words are left alone."""
    document = _document(newer)
    before = copy.deepcopy(document)
    result = downgrade(document)

    assert result["components"]["schemas"]["It"] == older
    assert document == before
    openapi_spec_validator.validate(result)


_values = st.none() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", "abc"])
_plain = st.one_of(
    st.builds(lambda kind: {"type": kind}, st.sampled_from(["string", "integer"])),
    st.builds(lambda value: {"const": value, "type": "string"}, st.sampled_from(["a", "b"])),
    st.builds(lambda least: {"type": "integer", "exclusiveMinimum": least}, st.integers(-3, 3)),
    st.builds(lambda most: {"type": "string", "maxLength": most}, st.integers(0, 3)),
)
_schemas = st.one_of(
    _plain,
    st.builds(lambda each: {"anyOf": [each, NULL]}, _plain),
    st.builds(lambda some: {"anyOf": [*some, NULL]}, st.lists(_plain, min_size=2, max_size=3)),
    st.builds(lambda kind: {"type": [kind, "null"]}, st.sampled_from(["string", "integer"])),
)


@given(schema=_schemas, value=st.lists(_values, max_size=3) | _values)
def test_downgraded_schema_permits_what_the_schema_permits(schema: Any, value: Any) -> None:
    """Both versions of a schema, and of a list of it, agree on every value."""
    for each in (schema, {"type": "array", "items": schema}):
        older = downgrade(_document(each))["components"]["schemas"]["It"]

        assert OAS30Validator(older).is_valid(value) == Draft202012Validator(each).is_valid(value)


def _document(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {},
        "components": {"schemas": {"It": schema, "Other": {"type": "object"}}},
    }
