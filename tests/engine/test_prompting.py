"""What of a document and of a conversation the window shows."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.answerer import Ask, Context, Speaker, Turn
from app.engine.errors import QuestionTooLongError
from app.engine.prompting import show
from app.lift.config import MethodConfig
from app.lift.passages import Passage
from app.lift.prompts import GAP, answering_context, conversation_prompt, question_prompt
from tests.lift.conftest import TEXT, cached_base

BASE = cached_base("llama")
METHOD = MethodConfig(window_tokens=400, context_tokens=120)
TOKENS = BASE.tokenize(TEXT * 5)
Read = Callable[[], list[int]]


def history(num_exchanges: int, length: int = 8) -> tuple[Turn, ...]:
    """Return exchanges of `length` characters a turn."""
    speakers = (Speaker.USER, Speaker.ASSISTANT)
    return tuple(
        Turn(speaker, f"{number:0{length}}")
        for number in range(num_exchanges)
        for speaker in speakers
    )


def asked(**fields: object) -> Ask:
    plain = Ask("Who?", "doc", lambda: "", METHOD, None, 8)
    return replace(plain, **fields)  # type: ignore[arg-type]


def no_text() -> list[int]:
    """Stand for a text that must not be read."""
    raise AssertionError("the text was read")


def test_base_models_positions_bound_the_window() -> None:
    """Settings that were never trained with may name a window that this base does not have."""
    wide = replace(METHOD, window_tokens=40_000, context_tokens=39_000)
    shown = show(BASE, asked(method=wide, max_tokens=500), lambda: TOKENS * 200)

    assert len(TOKENS * 200) > BASE.max_positions
    assert len(shown.prompt.ids) == BASE.max_positions - 500, "room for the whole answer"


def test_longest_answer_leaves_half_of_the_positions_to_the_prompt() -> None:
    """Nobody asks for more, and a question is never refused for the length of its answer."""
    wide = replace(METHOD, window_tokens=40_000, context_tokens=39_000)
    shown = show(BASE, asked(method=wide, max_tokens=10**6), lambda: TOKENS * 200)

    assert len(shown.prompt.ids) == BASE.max_positions // 2


def test_default_is_the_prompt_of_training() -> None:
    """Head and tail within the context's tokens, then the question, id for id."""
    shown = show(BASE, asked(), lambda: TOKENS)

    context = answering_context(BASE, TOKENS, METHOD.context_tokens)
    assert shown.prompt == question_prompt(BASE, context, "Who?")
    assert shown.num_dropped_turns == 0


def test_no_context_reads_no_text() -> None:
    """The memory alone is asked."""
    shown = show(BASE, asked(context=Context.NONE), no_text)

    assert shown.prompt == question_prompt(BASE, (), "Who?")


def test_retrieved_context_is_the_best_passages_in_their_order() -> None:
    """As many as fit, and none of the text beside them."""
    late, early, worst = Passage("b" * 50, 300), Passage("a" * 50, 10), Passage("c" * 50, 0)
    shown = show(BASE, asked(context=Context.RETRIEVED, passages=(late, early, worst)), no_text)

    context = BASE.tokenize(f"{early.text}{GAP}{late.text}")
    assert shown.prompt == question_prompt(BASE, context, "Who?")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 9), st.sampled_from(Context), st.integers(1, 90), st.sampled_from([None, "Be!"])
)
def test_a_prompt_never_exceeds_the_window(
    num_exchanges: int, context: Context, length: int, system: str | None
) -> None:
    """Whatever was said; whole exchanges go, the oldest first, and the rest is shown as it is."""
    ask = asked(
        history=history(num_exchanges, length),
        context=context,
        passages=(Passage("p" * 500, 0),),
        system=system,
        question="w" * 60,
    )
    shown = show(BASE, ask, lambda: TOKENS)
    kept = ask.history[shown.num_dropped_turns :]

    turns = [(turn.speaker.value, turn.text) for turn in kept]
    expected = conversation_prompt(BASE, (), ask.question, turns, system)
    assert len(shown.prompt.ids) <= METHOD.window_tokens
    assert shown.num_dropped_turns % 2 == 0
    assert shown.prompt.request == expected.request


def test_no_more_turns_are_dropped_than_must() -> None:
    """One more exchange would not have fitted beside the text's share."""
    ask = asked(history=history(9, 20))
    dropped = show(BASE, ask, lambda: TOKENS).num_dropped_turns
    turns = [(turn.speaker.value, turn.text) for turn in ask.history]
    room = METHOD.window_tokens - METHOD.context_tokens

    assert 0 < dropped < len(turns)
    assert len(conversation_prompt(BASE, (), "Who?", turns[dropped:]).ids) <= room
    assert len(conversation_prompt(BASE, (), "Who?", turns[dropped - 2 :]).ids) > room


def test_a_wide_context_gives_half_of_the_window_to_the_conversation() -> None:
    """Text that would fill it all makes room for what was said, and keeps the rest."""
    method = MethodConfig(window_tokens=400, context_tokens=399)
    ask = asked(method=method, history=history(9, 20))
    shown = show(BASE, ask, lambda: TOKENS)
    without_text = len(
        conversation_prompt(
            BASE,
            (),
            "Who?",
            [(turn.speaker.value, turn.text) for turn in ask.history[shown.num_dropped_turns :]],
        ).ids
    )

    assert shown.num_dropped_turns < len(ask.history)
    assert len(shown.prompt.ids) == method.window_tokens
    assert method.window_tokens - without_text >= 100


def test_a_conversation_without_text_may_fill_the_window() -> None:
    """Nothing else needs the room."""
    with_text, alone = (
        show(BASE, asked(history=history(9, 20), context=context), lambda: TOKENS)
        for context in (Context.TRUNCATED, Context.NONE)
    )

    assert alone.num_dropped_turns < with_text.num_dropped_turns


@pytest.mark.parametrize("long", [{"question": "why? " * 100}, {"system": "Be! " * 100}])
def test_what_leaves_no_room_is_refused(long: dict[str, str]) -> None:
    """The message gives both lengths."""
    with pytest.raises(QuestionTooLongError, match=r"takes \d+ tokens .* holds 400"):
        show(BASE, asked(**long), no_text)
