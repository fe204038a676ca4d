"""Says in plain words what was measured of a memory."""

from app.client_views import Quality

_VERDICTS = {
    "helps": "This memory helps",
    "no_measured_help": (
        "This memory was not measured to help (`lift ask --memory off` answers without it)"
    ),
}


def quality_sentence(quality: Quality) -> str:
    """Return the verdict with its figures, in one sentence."""
    verdict, figures = _VERDICTS.get(quality.verdict), _figures(quality)
    if verdict is None or figures is None:
        return f"Whether this memory helps was not measured: {quality.reason or quality.verdict}."
    return f"{verdict}: {figures}."


def _figures(quality: Quality) -> str | None:
    without, own, other = quality.without_memory, quality.with_memory, quality.with_other_memory
    gain, error = quality.gain, quality.gain_standard_error
    if without is None or own is None or gain is None or error is None:
        return None
    control = (
        "; there was no other document's memory to compare with, and some of it may be mere style"
        if other is None
        else f", and {other:.2f} with another document's"
    )
    return (
        f"on {quality.num_pairs} held-back questions the expected answers have a log-likelihood a "
        f"token of {own:.2f} with it and {without:.2f} without it (gain {gain:+.2f} ± {error:.2f})"
        f"{control}"
    )
