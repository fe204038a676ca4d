"""Under which key each file lies."""

DOCUMENTS = "documents"
"""All that belongs to documents lies below this key."""
INCOMING = "incoming"
"""Files in the making, and what killed processes left of them."""
QUARANTINE = "quarantine"
"""What `lift doctor` took out of use: read by nobody, deleted by nobody."""


def document_prefix(document_id: str) -> str:
    """Key below which all files of a document lie."""
    return f"{DOCUMENTS}/{document_id}"


def source_key(document_id: str) -> str:
    """Key of a document's bytes as uploaded."""
    return f"{document_prefix(document_id)}/source"


def text_key(document_id: str) -> str:
    """Key of a document's text, in UTF-8."""
    return f"{document_prefix(document_id)}/text.txt"


def outline_key(document_id: str) -> str:
    """Key of where a document's pages and headings are in its text, as JSON."""
    return f"{document_prefix(document_id)}/outline.json"


def adapter_key(document_id: str, sha256: str) -> str:
    """Key of an adapter's file."""
    return f"{document_prefix(document_id)}/adapters/{sha256}.safetensors"


def checkpoint_key(document_id: str, job_id: str, attempt: int, step: int) -> str:
    """Key of a training's state behind an optimiser step."""
    return f"{checkpoint_folder(document_id)}/{job_id}-{attempt}-{step}.safetensors"


def checkpoint_folder(document_id: str) -> str:
    """Key below which all checkpoints of a document lie."""
    return f"{document_prefix(document_id)}/checkpoints"
