"""What makes two uploads the same document: bytes, method settings, and the hint to their kind."""

import hashlib
import json
from dataclasses import asdict
from typing import BinaryIO

from app.lift.config import MethodConfig
from app.upload_names import suffix_of

_CHUNK_BYTES = 1024 * 1024


def fingerprint_of(content: BinaryIO, method: MethodConfig, filename: str | None) -> str:
    """Return the SHA-256 of what decides on an upload's memory; `content` stands at its start."""
    decides = [sha256_of(content), asdict(method), suffix_of(filename).lower()]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def sha256_of(content: BinaryIO) -> str:
    """Return a file's SHA-256, read piece by piece; it stands at its start again afterwards."""
    content.seek(0)
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
    content.seek(0)
    return digest.hexdigest()
