"""The way from FastAPI's document to ours, cure by cure."""

from dataclasses import dataclass

from app.openapi import bodies, operations, refusals, schemas
from app.openapi.walking import Json
from app.openapi.words import LICENSE, SECURITY_SCHEMES, describe_tags


@dataclass(frozen=True, slots=True)
class Limits:
    """What this server accepts at most: bounds that depend on its settings."""

    max_document_bytes: int
    max_answer_tokens: int


def describe(document: Json, limits: Limits) -> Json:
    """Repair and complete FastAPI's document, in place, and return it."""
    document["info"] |= {"license": LICENSE}
    document.setdefault("components", {})["securitySchemes"] = SECURITY_SCHEMES
    document["security"] = [{name: []} for name in SECURITY_SCHEMES]

    refusals.describe_refusals(document)
    bodies.name_bodies(document)
    bodies.describe_streams(document)
    bodies.part_streams(document)
    bodies.describe_files(document)
    bodies.forbid_null_in_text(document)
    schemas.drop_member_titles(document)
    schemas.widen_nulls(document)
    schemas.drop_object_defaults(document)
    schemas.size_integers(document)
    schemas.permit_repetition(document)
    schemas.name_choices(document)
    schemas.state_limits(document, limits.max_document_bytes, limits.max_answer_tokens)
    schemas.bound_requests(document)
    operations.summarise(document)
    operations.open_health(document)
    operations.describe_parameters(document)
    operations.add_examples(document)
    operations.link_documents(document)
    schemas.drop_unused(document)

    document["tags"] = describe_tags(document)
    document["paths"] = dict(sorted(document["paths"].items()))
    return document
