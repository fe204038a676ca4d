"""How a text is cut into passages."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.lift.passages import Measure, cut_passages

LEAST, MOST = 120, 200


def num_bytes(piece: str) -> int:
    """Measure a piece as a byte tokenizer does."""
    return len(piece.encode())


@pytest.mark.parametrize("length", [len, num_bytes])
@settings(max_examples=100)
@given(text=st.text(max_size=900) | st.text(alphabet="ab .\n?é", max_size=900))
@example(text="Mr. \U0001f600 said. " * 40)
def test_passages_are_the_document(text: str, length: Measure) -> None:
    """Each stands in the text where it says; joined they give it back, and none is too long."""
    passages = list(cut_passages(text, length, LEAST, MOST))

    assert all(text[passage.start : passage.end] == passage.text for passage in passages)
    assert "".join(passage.text for passage in passages) == text
    assert all(0 < length(passage.text) <= MOST for passage in passages)


def test_passage_ends_with_its_paragraph() -> None:
    """One that is long enough does not reach into the next paragraph."""
    first = "a" * (LEAST - 10) + " ends here now."
    passages = cut_passages(f"{first}\n\nThe next one begins.", len, LEAST, MOST)

    assert [passage.text for passage in passages] == [first, "\n\nThe next one begins."]


def test_a_character_longer_than_a_passage_is_one() -> None:
    """What cannot be cut is left whole, and the cutting ends."""
    assert [passage.text for passage in cut_passages("éé", lambda _: 5, 1, 2)] == ["é", "é"]
