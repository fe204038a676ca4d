"""What makes two uploads the same document: bytes, method settings, and the hint to their kind."""

import hashlib
import json
from dataclasses import asdict

from app.lift.config import MethodConfig
from app.upload_names import suffix_of


def fingerprint_of(sha256: str, method: MethodConfig, filename: str | None) -> str:
    """Return the SHA-256 of what decides on an upload's memory; `sha256` is its content's."""
    decides = [sha256, asdict(method), suffix_of(filename).lower()]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
