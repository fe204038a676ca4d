"""The OpenAPI document that clients are generated from: FastAPI's, with its faults repaired.

Knows no route by name beyond what `words` says of some; a new route is described like the others.
"""

from app.openapi.description import Limits, describe
from app.openapi.downgrade import downgrade

__all__ = ["Limits", "describe", "downgrade"]
