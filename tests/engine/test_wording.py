"""What a reader is shown of an answer's tokens."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.engine.wording import Wording
from app.lift.tokenizing import plain_ids
from tests.engine.conftest import TEXTS
from tests.engine.test_detokenising import ONE_TOKENIZER


def shown(tokenizer: Any, text: str, *stop: str) -> tuple[list[str], Wording]:
    """Return what is shown after each token of a text, and at the end."""
    wording = Wording(tokenizer, stop)
    return [
        *(wording.add(token) for token in plain_ids(tokenizer, text)),
        wording.finish(),
    ], wording


@ONE_TOKENIZER
@given(text=st.text(alphabet=" \n\tüab🇩", max_size=30) | st.sampled_from(TEXTS))
def test_pieces_are_the_text_without_the_space_around_it(tokenizer: Any, text: str) -> None:
    """The whole is known at the end; nothing that was shown is taken back."""
    pieces, wording = shown(tokenizer, text)

    assert wording.text == "".join(pieces) == text.strip()
    assert not wording.is_stopped


@ONE_TOKENIZER
@given(text=st.text(alphabet=" \n.üa", max_size=30), stop=st.sampled_from(["\n", ". ", "aü"]))
def test_a_stop_string_ends_the_text_before_it(tokenizer: Any, text: str, stop: str) -> None:
    """White space before the text is no part of it, so a stop string cannot lie there."""
    pieces, wording = shown(tokenizer, text, stop)

    assert "".join(pieces) == text.lstrip().partition(stop)[0].rstrip()
    assert wording.is_stopped == (stop in text.lstrip())
