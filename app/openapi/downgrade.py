"""The same document in OpenAPI 3.0, for generators that know no later version.

Says less where 3.0 has no words: a null beside a reference, the kinds of a tuple's places.
"""

import copy
from typing import Any, Final

from app.openapi.walking import Json, schemas_of

VERSION: Final = "3.0.3"
_NULL: Final[Json] = {"type": "string", "nullable": True, "enum": [None]}
_UNKNOWN = (
    "$schema", "$id", "$anchor", "$comment", "$defs", "contains", "contentEncoding",
    "contentMediaType", "contentSchema", "dependentRequired", "dependentSchemas", "else", "if",
    "maxContains", "minContains", "patternProperties", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip


def downgrade(document: Json) -> Json:
    """Return a copy that keeps to OpenAPI 3.0."""
    older = copy.deepcopy(document)
    older["openapi"] = VERSION
    for schema in list(schemas_of(older)):
        _downgrade_schema(schema)
    schemas = older["components"]["schemas"]
    for schema in schemas_of(older):
        _type_nullable_reference(schema, schemas)
    return older


def _downgrade_schema(schema: Json) -> None:
    """Its own schemas were seen to before."""
    _write_constants_as_choices(schema)
    _write_tuples_as_lists(schema)
    _write_types_as_choices(schema)
    _write_null_as_flag(schema)
    _write_bounds_as_flags(schema)
    _wrap_reference(schema)
    _keep_one_example(schema)
    for name in _UNKNOWN:
        schema.pop(name, None)


def _write_constants_as_choices(schema: Json) -> None:
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]


def _write_tuples_as_lists(schema: Json) -> None:
    places: list[Any] = schema.pop("prefixItems", [])
    rest = schema.get("items")
    if places:
        kinds = [*places, rest] if isinstance(rest, dict) else places
        schema["items"] = {"anyOf": kinds}
        if rest is False:
            schema["maxItems"] = len(places)
    elif isinstance(rest, bool) or (schema.get("type") == "array" and rest is None):
        schema["items"] = {}


def _write_types_as_choices(schema: Json) -> None:
    types = schema.get("type")
    if not isinstance(types, list):
        return
    del schema["type"]
    choices = [{"type": each} for each in types if each != "null"]
    if "null" in types:
        for choice in choices:
            _permit_null(choice)
    if len(choices) > 1:
        schema["anyOf"] = choices
    else:
        schema |= choices[0]
        if "null" in types:
            _permit_null(schema)


def _write_null_as_flag(schema: Json) -> None:
    """A flag counts beside a type only."""
    if schema.get("type") == "null":
        schema |= _NULL
    for name in ("anyOf", "oneOf"):
        choices: list[Json] = schema.get(name, [])
        rest = [each for each in choices if each != _NULL]
        if not rest or len(rest) == len(choices):
            continue
        del schema[name]
        if len(rest) > 1:
            schema[name] = _permit_null_in_choices(rest)
        elif "$ref" in rest[0]:
            schema |= {"allOf": rest, "nullable": True}
        else:
            schema |= {**rest[0], **schema}
            _permit_null(schema)


def _permit_null_in_choices(choices: list[Json]) -> list[Json]:
    typed = [each for each in choices if "type" in each]
    for choice in typed:
        _permit_null(choice)
    return choices if typed else [*choices, _NULL]


def _permit_null(schema: Json) -> None:
    schema["nullable"] = True
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]


def _type_nullable_reference(schema: Json, schemas: Json) -> None:
    """Name the referred schema's type; taken strictly it forbids null all the same, but generators
    take it as meant, and stumble over what is strict."""
    if schema.get("nullable") and "allOf" in schema and "type" not in schema:
        referred = schemas[schema["allOf"][0]["$ref"].rpartition("/")[2]]
        if "type" in referred:
            schema["type"] = referred["type"]


def _write_bounds_as_flags(schema: Json) -> None:
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = schema.get(exclusive)
        if value is not None and not isinstance(value, bool):
            schema[bound] = value
            schema[exclusive] = True


def _wrap_reference(schema: Json) -> None:
    """Everything beside a reference is ignored in 3.0."""
    if "$ref" in schema and len(schema) > 1:
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]


def _keep_one_example(schema: Json) -> None:
    examples: list[Any] = schema.pop("examples", [])
    if examples:
        schema.setdefault("example", examples[0])
