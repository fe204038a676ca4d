"""Tokens to text, as they come."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.detokenising import Detokeniser
from app.lift.tokenizing import plain_ids
from tests.engine.conftest import TEXTS

ONE_TOKENIZER = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def pieces_of(tokenizer: Any, tokens: list[int]) -> list[str]:
    """Return what each token adds, and what is left at the end."""
    detokeniser = Detokeniser(tokenizer)
    return [*(detokeniser.add(token) for token in tokens), detokeniser.finish()]


@ONE_TOKENIZER
@given(text=st.text(max_size=40) | st.sampled_from(TEXTS))
def test_pieces_are_the_text_and_split_no_character(tokenizer: Any, text: str) -> None:
    """Joined they are what the tokens mean together, where a part of a character means none."""
    tokens = plain_ids(tokenizer, text)
    pieces = pieces_of(tokenizer, tokens)

    assert "".join(pieces) == tokenizer.decode(tokens, clean_up_tokenization_spaces=False)


@ONE_TOKENIZER
@given(data=st.data())
def test_tokens_without_sense_are_the_text_of_all(tokenizer: Any, data: st.DataObject) -> None:
    """Whatever a model says, also special tokens and bytes that are no character."""
    if "<0x00>" in tokenizer.get_vocab():
        pytest.skip("this decoder reads bytes otherwise once more of them have come")
    tokens = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=40))
    pieces = pieces_of(tokenizer, tokens)

    assert "".join(pieces) == tokenizer.decode(
        tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )


def test_a_character_comes_with_its_last_token(tokenizer: Any) -> None:
    """As soon as it is whole, and not before."""
    tokens = plain_ids(tokenizer, "🇩")
    pieces = pieces_of(tokenizer, tokens)

    assert len(tokens) > 1
    assert pieces[-2].strip() == "🇩"
    assert not "".join(pieces[:-2]).strip()


def test_an_unfinished_character_is_marked_at_the_end(tokenizer: Any) -> None:
    """The answer was cut inside it."""
    tokens = plain_ids(tokenizer, "o🇩")[:-1]
    *before, last = pieces_of(tokenizer, tokens)

    assert "".join(before).strip() == "o"
    assert set(last) == {"\ufffd"}
