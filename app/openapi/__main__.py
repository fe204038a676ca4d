"""Writes the documents of a server without settings beside this file: `make openapi`."""

import json
from pathlib import Path
from typing import Any

from app.main import create_app
from app.openapi.downgrade import downgrade
from app.settings import Settings

FOLDER = Path(__file__).parent


def make_documents() -> dict[str, str]:
    """Return what the files say, by their names."""
    # `model_construct` reads no environment: the same on each machine
    document = create_app(Settings.model_construct()).openapi()
    return {
        "openapi.json": _write(document),
        "openapi-3.0.json": _write(downgrade(document)),
    }


def _write(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, text in make_documents().items():
        (FOLDER / name).write_text(text)
