"""Numbers and flags of JSON and of forms."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.json_values import Flag, Real, Whole, read_form_value
from app.schemas import Relift, TextUpload, UploadFields


@pytest.mark.parametrize(("kind", "value"), [(Whole, 2), (Whole, 2.0), (Real, 2), (Flag, True)])
def test_value_of_the_right_kind_is_taken(kind: Any, value: Any) -> None:
    """A whole number may be written with a point."""
    assert TypeAdapter(kind).validate_python(value) == value


@pytest.mark.parametrize("value", [True, "2", b"2", 2.5, None])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    """Flags and text are none, whatever Python makes of them."""
    with pytest.raises(ValidationError):
        TypeAdapter(Whole).validate_python(value)


@pytest.mark.parametrize("value", [0, 1, "true", "no"])
def test_what_is_no_flag_is_refused(value: Any) -> None:
    """Numbers and text are none."""
    with pytest.raises(ValidationError):
        TypeAdapter(Flag).validate_python(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-7.0", -7), ("7.5", 7.5), ("true", True), ("False", False), ("x", "x"), (7, 7)]
    + [(odd, odd) for odd in ("", "null", "1_0", "1e9", "nan", "9" * 5000, "[" * 60_000)],
)
def test_form_text_is_read_as_number_or_flag(text: Any, value: Any) -> None:
    """Clients write flags as Python or as JSON does; what is neither stays as it is."""
    assert read_form_value(text) == value


def test_upload_reads_text_in_a_form_only() -> None:
    """The same fields, as text in a form and as JSON."""
    form = UploadFields.model_validate({"priority": "7", "duplicate": "True"})
    assert (form.priority, form.duplicate) == (7, True)

    for body in ('{"text": "x", "priority": "7"}', '{"text": "x", "duplicate": 1}'):
        with pytest.raises(ValidationError):
            TextUpload.model_validate_json(body)
    with pytest.raises(ValidationError):
        Relift.model_validate({"priority": False})
