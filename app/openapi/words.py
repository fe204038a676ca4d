"""What the document says that the routes do not say themselves."""

from typing import Any, Final

from app.openapi.walking import Json, operations_of

LICENSE: Final = {
    "name": "Apache-2.0",
    "url": "https://www.apache.org/licenses/LICENSE-2.0",
}
SECURITY_SCHEMES: Final = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key that `lift keys create` printed. Servers with LIFT_AUTH=off ask for "
        "none and ignore any.",
    }
}
RETRY_AFTER: Final = {
    "description": "Seconds after which asking again may help",
    "schema": {"type": "integer", "minimum": 0},
}
REFUSALS: Final = {
    400: ("BadRequest", "The request cannot be understood"),
    401: ("NotAuthenticated", "No key came with it, or one that is not valid (any more)"),
    403: ("NotPermitted", "The key does not permit this, or another web page sends it"),
    404: ("NotFound", "There is no such thing, or it is somebody else's"),
    406: ("NotAcceptable", "It cannot be answered in a form that Accept names"),
    409: ("Conflict", "As things stand this is not possible; the code says why"),
    412: ("PreconditionFailed", "It has changed meanwhile"),
    413: ("TooLarge", "The body is larger than this server takes"),
    415: ("UnsupportedMediaType", "The body is of a kind that this server does not read"),
    416: ("RangeNotSatisfiable", "There are fewer bytes than the range begins behind"),
    422: ("Invalid", "A field is missing or has a value that it cannot have"),
    421: ("Misdirected", "The server does not answer to the name in Host"),
    429: ("TooManyRequests", "More than the limits allow; come again after Retry-After"),
    500: ("ServerError", "The server failed; its log says why"),
    503: ("Unavailable", "A part of the server is away or busy; come again after Retry-After"),
}
"""By status: what the refusal is called and what it means."""
_TAGS: Final = {
    "documents": "Upload documents, look after their training, take out what was made of them.",
    "events": "What happened to a document, page by page or as it happens.",
    "questions": "Ask documents.",
    "adapters": "What the engine of the process that answers holds, for the scope `admin`.",
    "keys": "Who may do what.",
    "openai": "The same in OpenAI's dialect: a ready document is a model.",
    "health": "Whether the server is alive, and ready.",
}
EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "TextUpload": {
        "text": "The Kite Post carries letters between the cliffs. Each is sealed with blue wax.",
        "title": "The Kite Post",
        "preset": "quick",
    },
    "Relift": {"preset": "balanced-pissa"},
    "Question": {"question": "What is a letter of the Kite Post sealed with?", "max_tokens": 32},
}
"""By schema, a request that is accepted."""
PARAMETERS: Final = {
    "document_id": "Id of a document, as its upload told it",
    "cursor": "`next_cursor` of the page before; nothing for the first page",
    "limit": "Most things on one page",
    "model": "Id of a ready document",
    "key_id": "Id of a key, which is not the key itself",
}
"""By name, for parameters whose routes do not describe them."""


def describe_tags(document: Json) -> list[dict[str, str]]:
    """Return the tags that are used, each with its description."""
    used = {tag for operation in operations_of(document) for tag in operation.body.get("tags", ())}
    return [{"name": tag, "description": _TAGS.get(tag, "")} for tag in sorted(used)]
