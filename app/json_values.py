"""Numbers and flags of JSON bodies, taken as the OpenAPI document says: text and flags are no
numbers, numbers are no flags. (Pydantic's own strict numbers refuse 2.0, which is a whole one.)"""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, Field


def require_number(value: Any) -> Any:
    """Refuse text and flags in place of a number."""
    if isinstance(value, bool | str | bytes):
        raise ValueError("a number is required")
    return value


def read_form_value(value: Any) -> Any:
    """Return the number or flag that a form's text holds, or the text if it holds none."""
    try:
        return json.loads(value.lower()) if isinstance(value, str) else value
    except ValueError:
        return value


Whole = Annotated[int, BeforeValidator(require_number)]
Real = Annotated[float, BeforeValidator(require_number)]
Flag = Annotated[bool, Field(strict=True)]
