"""What a text says that an earlier one did not."""

from itertools import pairwise
from random import Random

import pytest

from app.lift.changes import Span, is_within, share_new, spans_to_study
from app.lift.sentences import split_sentences
from tests.lift.some_pairs import LONG_TEXT

SENTENCES = [sentence.text for sentence in split_sentences(LONG_TEXT)]
NEW = "A goat was tied to the gate by the clerk."
EVERYTHING = 1_000_000


def studied(former: str, text: str, least: int = 0, seed: int = 0) -> list[str]:
    spans = spans_to_study(former, text, least, Random(seed))
    return [text[span.start : span.end] for span in spans]


@pytest.mark.parametrize("place", [0, 7, 30])
def test_new_sentence_is_found_wherever_it_stands(place: int) -> None:
    """At the head, in the middle, at the end; and nothing else."""
    text = " ".join([*SENTENCES[:place], NEW, *SENTENCES[place:]])

    assert studied(LONG_TEXT, text) == [NEW]


def test_changed_sentence_is_new_as_a_whole() -> None:
    """One other word makes another sentence."""
    text = LONG_TEXT.replace("The bell of the old tower was painted blue", "The bell was sold")

    assert studied(LONG_TEXT, text) == ["The bell was sold by the ferryman."]


def test_what_only_moved_or_was_broken_into_other_lines_is_not_new() -> None:
    """Words decide, not places and not white space."""
    moved = " ".join(reversed(SENTENCES)).replace("old tower", "old\ntower")

    assert studied(LONG_TEXT, moved) == []
    assert share_new(LONG_TEXT, moved) == 0.0


def test_neighbours_that_are_new_are_one_stretch() -> None:
    """A new chapter stays together."""
    chapter = f"{NEW} Nobody saw who untied it."

    assert studied(LONG_TEXT, f"{LONG_TEXT} {chapter}") == [chapter]
    assert 0 < share_new(LONG_TEXT, f"{LONG_TEXT} {chapter}") < 0.1
    assert share_new(LONG_TEXT, chapter) == 1.0


@pytest.mark.parametrize("least", [300, 900, EVERYTHING])
def test_rest_is_rehearsed_up_to_the_length_asked_for(least: int) -> None:
    """In the text's order, without overlap, the new among it; all of it if it is short."""
    text = f"{LONG_TEXT} {NEW}"
    spans = spans_to_study(LONG_TEXT, text, least, Random(0))
    length = sum(span.end - span.start for span in spans)

    assert all(one.end <= next_.start for one, next_ in pairwise(spans))
    assert is_within(text.index(NEW), spans)
    assert min(least, 0.9 * len(text)) <= length <= least + 600
    assert all(text[span.start :].startswith(("The ", NEW)) for span in spans)


def test_same_seed_rehearses_the_same() -> None:
    """Another seed does not."""
    text = f"{LONG_TEXT} {NEW}"

    assert studied(LONG_TEXT, text, 600) == studied(LONG_TEXT, text, 600)
    assert studied(LONG_TEXT, text, 600) != studied(LONG_TEXT, text, 600, seed=1)


@pytest.mark.parametrize("text", ["", "   "])
def test_text_without_words_has_nothing_new(text: str) -> None:
    """No division by its length."""
    assert studied(LONG_TEXT, text, 600) == []
    assert share_new(LONG_TEXT, text) == 0.0


def test_place_lies_within_a_span_up_to_its_end() -> None:
    """Which it does not hold."""
    assert [is_within(place, [Span(2, 4), Span(7, 8)]) for place in range(9)] == [
        *(False, False, True, True),
        *(False, False, False, True, False),
    ]
