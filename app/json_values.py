"""Numbers and flags of JSON bodies, taken as the OpenAPI document says: text and flags are no
numbers, numbers are no flags. (Pydantic's own strict numbers refuse 2.0, which is a whole one.)"""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_FLAGS: Final = {"true": True, "false": False}


def require_number(value: Any) -> Any:
    """Refuse text and flags in place of a number."""
    if isinstance(value, bool | str | bytes):
        raise ValueError("a number is required")
    return value


def read_form_value(value: Any) -> Any:
    """Return the number or flag that a form's text holds, or the text if it holds none."""
    text = value.lower() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        return float(text)
    return _FLAGS.get(text, value)


Whole = Annotated[int, BeforeValidator(require_number)]
Real = Annotated[float, BeforeValidator(require_number)]
Flag = Annotated[bool, Field(strict=True)]
