"""What a text says that an earlier one did not."""

from itertools import pairwise
from random import Random

import pytest

from app.lift.changes import Span, length_of, new_spans, overlaps, with_rehearsal
from app.lift.sentences import split_sentences
from tests.lift.some_pairs import LONG_TEXT

SENTENCES = [sentence.text for sentence in split_sentences(LONG_TEXT)]
NEW = "A goat was tied to the gate by the clerk."
LINES = "\n".join(f"door_{n} = open(lamp_{n}, {n})" for n in range(60))


def new(former: str, text: str) -> list[str]:
    return [text[span.start : span.end] for span in new_spans(former, text)]


@pytest.mark.parametrize("place", [0, 7, 30])
def test_new_sentence_is_found_wherever_it_stands(place: int) -> None:
    """At the head, in the middle, at the end; and nothing else."""
    text = " ".join([*SENTENCES[:place], NEW, *SENTENCES[place:]])

    assert new(LONG_TEXT, text) == [NEW]


def test_changed_sentence_is_new_as_a_whole() -> None:
    """One other word makes another sentence."""
    text = LONG_TEXT.replace("The bell of the old tower was painted blue", "The bell was sold")

    assert new(LONG_TEXT, text) == ["The bell was sold by the ferryman."]


def test_what_only_moved_or_was_broken_into_other_lines_is_not_new() -> None:
    """Words decide, not places and not white space."""
    moved = " ".join(reversed(SENTENCES)).replace("old tower", "old\ntower")

    assert new(LONG_TEXT, moved) == []


def test_neighbours_that_are_new_are_one_stretch() -> None:
    """A new chapter stays together."""
    chapter = f"{NEW} Nobody saw who untied it."

    assert new(LONG_TEXT, f"{LONG_TEXT} {chapter}") == [chapter]
    assert new(LONG_TEXT, chapter) == [chapter]


@pytest.mark.parametrize(("between", "stretches"), [(2, 1), (4, 1), (5, 2), (9, 2)])
def test_changes_that_stand_closely_are_one_stretch(between: int, stretches: int) -> None:
    """With the sentences between them, up to 300 characters: scraps would cost more."""
    text = " ".join([NEW, *SENTENCES[:between], NEW, *SENTENCES[between:]])

    assert len(new(LONG_TEXT, text)) == stretches


@pytest.mark.parametrize("place", [0, 30, 60])
def test_of_what_has_no_sentences_a_line_is_new(place: int) -> None:
    """Code, tables, logs: one line more is not a new text."""
    lines = LINES.splitlines()
    text = "\n".join([*lines[:place], "roof_7 = shut(bell_7)", *lines[place:]])

    assert new(LINES, text) == ["roof_7 = shut(bell_7)"]


@pytest.mark.parametrize("least", [2_000, 4_000, 9_000])
def test_rest_is_rehearsed_up_to_the_length_asked_for(least: int) -> None:
    """In the text's order, without overlap, with all that is new."""
    text = " ".join([LONG_TEXT] * 9 + [NEW])
    news = new_spans(LONG_TEXT, text)
    spans = with_rehearsal(news, text, least, Random(0))

    assert all(one.end < other.start for one, other in pairwise(spans))
    assert all(any(s.start <= each.start and each.end <= s.end for s in spans) for each in news)
    assert 0.8 * least <= length_of(spans) <= least + 1_500
    assert spans[-1].end == len(text)


def test_nothing_is_rehearsed_where_enough_is_new() -> None:
    """The new alone is learnt."""
    text = f"{LONG_TEXT} {NEW} Nobody saw who untied it."
    news = new_spans(LONG_TEXT, text)

    assert with_rehearsal(news, text, 60, Random(0)) == news


def test_short_text_is_learnt_as_a_whole() -> None:
    """There is nothing to save."""
    assert with_rehearsal([], NEW, 6_000, Random(0)) == [Span(0, len(NEW))]


def test_same_seed_rehearses_the_same() -> None:
    """Another seed does not."""
    text = " ".join([LONG_TEXT] * 9)

    drawn = [with_rehearsal([], text, 3_000, Random(seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("text", ["", "   "])
def test_text_without_words_has_nothing_new(text: str) -> None:
    """And nothing fails over it."""
    assert new(LONG_TEXT, text) == []


def test_stretches_overlap_where_they_share_a_character() -> None:
    """Not where one ends and the other begins."""
    spans = [Span(2, 4), Span(7, 8)]

    assert [start for start in range(9) if overlaps(start, start + 1, spans)] == [2, 3, 7]
    assert overlaps(0, 9, spans)
    assert overlaps(5, 9, spans)
    assert not overlaps(4, 7, spans)
    assert not overlaps(0, 9, [])
