"""Numbered paragraphs, and which part of them is summarised."""

from itertools import islice

import pytest

from app.lift import passage_index
from app.lift.base_model import BaseModel
from app.lift.changes import Span
from app.lift.earlier import Earlier
from app.lift.passage_index import index_pairs, numbered_paragraphs, parts_in_turn
from app.lift.presets import PRESETS

TEXT = "Of boats\nParagraph 1: One two three four.\n\nParagraph 2:\nParagraph 10:\n\nFive\nsix.\n"


def test_paragraphs_stand_where_they_say() -> None:
    """A paragraph is what follows its heading up to the next; an empty one is left out."""
    found = numbered_paragraphs(TEXT)

    assert [(p.name, p.text) for p in found] == [
        ("Paragraph 1", "One two three four."),
        ("Paragraph 10", "Five\nsix."),
    ]
    assert all(TEXT.startswith(p.text, p.start) for p in found)


def test_a_paragraph_that_comes_round_again_shows_another_part() -> None:
    """First whole, then its first half, then its second; each a piece of the text."""
    paragraph = numbered_paragraphs(TEXT)[0]
    parts = list(islice(parts_in_turn([paragraph]), 4))

    assert [part.text for part in parts] == [
        "One two three four.",
        "One two three",
        "four.",
        "One two three four.",
    ]
    assert all(TEXT.startswith(part.text, part.start) for part in parts)


def test_a_paragraph_of_one_word_has_no_halves() -> None:
    """What cannot be cut is shown whole each time."""
    paragraph = numbered_paragraphs("Paragraph 1: Silence.")[0]

    assert {part.text for part in islice(parts_in_turn([paragraph]), 3)} == {"Silence."}


def test_a_summary_holds_nothing_that_no_database_keeps(
    llama: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NUL that the model says is a space."""
    said = llama.tokenize("One\0 two\0three")
    monkeypatch.setattr(passage_index, "generate", lambda *_: [said, said])

    (tries,) = index_pairs(llama, TEXT, [Span(0, len(TEXT))], PRESETS["quick"], 2, Earlier())

    assert all("One two three" in pair.question for pair in tries.pairs)
