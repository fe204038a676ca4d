"""What the model is shown for a question: as much text and history as the window holds."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from app.engine.answerer import Ask, Context
from app.engine.composing import show_sources
from app.engine.errors import QuestionTooLongError
from app.engine.sources import Composed
from app.lift.base_model import BaseModel
from app.lift.prompts import (
    GAP,
    Prompt,
    answering_context,
    composing_prompt,
    conversation_prompt,
)
from app.lift.retrieval import passages_context

_HISTORY_SHARE = 0.5
"""Of the window, less the question: so much may earlier turns take from the document's text."""


class Shown(NamedTuple):
    """A question's prompt."""

    prompt: Prompt
    num_dropped_turns: int
    composed: Composed | None = None


def shows_text(ask: Ask) -> bool:
    """Say whether a question's prompt has head and tail of the document's text."""
    return ask.context is Context.TRUNCATED and not ask.sources


def show(base: BaseModel, ask: Ask, read_tokens: Callable[[], Sequence[int]]) -> Shown:
    """Return the prompt of a question; `read_tokens` gives those of the document's text.

    The question is always whole; then come the newest turns, then the text.

    Raises:
        QuestionTooLongError: the question leaves no room in the window.
    """
    window_tokens = _window_tokens(base, ask)
    if ask.sources:
        return _show_sources(base, ask, window_tokens)
    put = partial(conversation_prompt, base, question=ask.question, system=ask.system)
    room = _room_beside(put(()), window_tokens)
    history = _newest(ask, window_tokens - room + _history_room(ask, room), put)
    room = window_tokens - len(put((), history=history).ids)
    context = _context(base, ask, min(ask.method.context_tokens, room), read_tokens)
    return Shown(put(context, history=history), len(ask.history) - len(history))


def _window_tokens(base: BaseModel, ask: Ask) -> int:
    """Return how long a prompt may be: the base's last positions, up to half, are the answer's."""
    answer_tokens = min(ask.max_tokens, base.max_positions // 2)
    return min(ask.method.window_tokens, base.max_positions - answer_tokens)


def _show_sources(base: BaseModel, ask: Ask, window_tokens: int) -> Shown:
    room = _room_beside(composing_prompt(base, (), ask.question), window_tokens, "these documents'")
    shown = show_sources(base.tokenize, ask.sources, room, ask.method.context_tokens)
    return Shown(composing_prompt(base, shown.tokens, ask.question), 0, shown.composed)


def _room_beside(frame: Prompt, window_tokens: int, whose: str = "this document's") -> int:
    if len(frame.ids) >= window_tokens:
        raise QuestionTooLongError(
            f"the question takes {len(frame.ids)} tokens with its frame, and the window of {whose} "
            f"settings holds {window_tokens}: ask a shorter question"
        )
    return window_tokens - len(frame.ids)


def _history_room(ask: Ask, room: int) -> int:
    if ask.context is Context.NONE:
        return room
    return max(room - ask.method.context_tokens, int(room * _HISTORY_SHARE))


def _newest(ask: Ask, most_tokens: int, put: Callable[..., Prompt]) -> list[tuple[str, str]]:
    """Return the newest exchanges with which the prompt stays within `most_tokens`."""
    turns, kept = [(turn.speaker.value, turn.text) for turn in ask.history], 0
    while kept < len(turns) and len(put((), history=turns[-kept - 2 :]).ids) <= most_tokens:
        kept += 2
    return turns[len(turns) - kept :]


def _context(
    base: BaseModel, ask: Ask, budget_tokens: int, read_tokens: Callable[[], Sequence[int]]
) -> list[int]:
    match ask.context:
        case Context.TRUNCATED:
            return answering_context(base, read_tokens(), budget_tokens)
        case Context.RETRIEVED:
            return passages_context(ask.passages, base.tokenize, budget_tokens, base.tokenize(GAP))
        case Context.NONE:
            return []
