"""Method settings as a request asks for them; what is wrong with them refuses the request."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app import errors
from app.lift import presets
from app.lift.config import MethodConfig


def resolve(preset: str, options: Mapping[str, Any]) -> MethodConfig:
    """Return the settings of `preset` with `options` laid over them.

    Raises:
        ApiError: there is no such preset, or an option is unknown or wrong.
    """
    with _refused():
        return presets.resolve_method(preset, options)


def lay_over(settings: Mapping[str, Any], options: Mapping[str, Any]) -> MethodConfig:
    """Return settings with `options` laid over them.

    Raises:
        InvalidOptionError: an option is unknown or wrong.
    """
    with _refused():
        return presets.lay_over(settings, options)


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except presets.UnknownPresetError as error:
        raise errors.UnknownPresetError(str(error)) from error
    except presets.InvalidOptionError as error:
        raise errors.InvalidOptionError(str(error)) from error
