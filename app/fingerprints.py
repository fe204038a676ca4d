"""What makes two uploads the same document: bytes, settings, hint to their kind, start."""

import hashlib
import json
from dataclasses import asdict

from app.lift.config import MethodConfig
from app.upload_names import suffix_of


def fingerprint_of(
    sha256: str, method: MethodConfig, filename: str | None, starts_from: str | None = None
) -> str:
    """Return the SHA-256 of what decides on an upload's memory; `sha256` is its content's."""
    decides = [sha256, asdict(method), suffix_of(filename).lower()]
    if starts_from is not None:
        decides.append(starts_from)
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
