"""How passages are ranked for a question, and how they fill a window."""

from collections.abc import Sequence
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lift.passages import Passage, cut_passages
from app.lift.retrieval import PassageRanking, passages_context

SENTENCE = "The {0} keeper of {0} found the {0} and went home to count sacks of grain. "
TEXT = "".join(SENTENCE.format(name) for name in ("owl", "heron", "stoat", "otter", "newt")) * 3
GAP = [-1, -1]


def ranking(text: str) -> PassageRanking:
    return PassageRanking(list(cut_passages(text, len, 120, 200)))


def read(text: str) -> Sequence[int]:
    """Read a text as its characters' numbers."""
    return [ord(character) for character in text]


def test_best_passage_has_the_questions_words() -> None:
    """Stems count: `found` is another word than `finds`, `sacks` is not another than `sack`."""
    text = TEXT.replace("otter keeper", "otter keeper, who sells violins,")
    best, *_, last = ranking(text).ranked("Who is selling a violin?")

    assert "violins" in best.passage.text
    assert best.score > last.score == 0


@pytest.mark.parametrize("question", ["", "of the and?", "§§§", "zebra"])
def test_question_without_known_words_takes_the_documents_order(question: str) -> None:
    """Where nothing can be found, the beginning is as good as the rest."""
    found = ranking(TEXT)

    assert [each.passage for each in found.ranked(question)] == list(found.passages)
    assert all(each.score == 0 for each in found.ranked(question))


def test_no_more_passages_than_asked_for() -> None:
    """The best alone, in the same order."""
    found = ranking(TEXT)

    assert found.ranked("heron", 2) == found.ranked("heron")[:2]


def test_text_without_words_is_ranked_in_its_order() -> None:
    """A table of signs has nothing to be found by."""
    found = ranking("- . - ! " * 60)

    assert [each.passage for each in found.ranked("Who?")] == list(found.passages)


@given(st.permutations(range(6)), st.integers(0, 400))
def test_context_keeps_order_and_budget_however_passages_come(
    order: list[int], budget: int
) -> None:
    """Never too many tokens; each place of the text once, in its order, with every jump marked."""
    places = "".join(map(chr, range(0x4E00, 0x4E00 + 360)))
    passages = [Passage(places[60 * number : 60 * (number + 1)], 60 * number) for number in order]
    context = passages_context(passages, read, budget, GAP)
    runs = [list(run) for is_gap, run in groupby(context, lambda token: token in GAP) if not is_gap]

    assert len(context) <= budget
    assert all(run == list(range(run[0], run[-1] + 1)) for run in runs)
    assert all(before[-1] + 1 < after[0] for before, after in pairwise(runs))


def test_a_gap_is_marked_where_something_is_left_out() -> None:
    """Neighbours are joined as they stand in the document."""
    first, second, _, last = (Passage(letter * 30, 30 * n) for n, letter in enumerate("abcd"))
    context = passages_context([last, second, first], read, 200, GAP)

    assert context == [*read("a" * 30 + "b" * 30), *GAP, *read("d" * 30)]


def test_the_last_passage_taken_may_lose_its_end() -> None:
    """A budget is filled rather than kept half empty, unless the piece would say nothing."""
    first, other = Passage("a" * 30, 0), Passage("b" * 30, 100)

    assert passages_context([first, other], read, 52, GAP) == [
        *read("a" * 30),
        *GAP,
        *read("b" * 20),
    ]
    assert passages_context([first, other], read, 40, GAP) == read("a" * 30)


def test_passages_are_found_where_no_spaces_part_words() -> None:
    """By what a sentence shares with the question, not as one long word."""
    texts = ["水车由特莎建造，轮子是橡木做的。", "磨坊主把面粉卖给城里的面包师。", "洪水冲走了桥。"]
    starts = [sum(map(len, texts[:number])) for number in range(len(texts))]
    chinese = PassageRanking(
        [Passage(text, start) for text, start in zip(texts, starts, strict=True)]
    )

    assert chinese.ranked("谁买了磨坊主的面粉？")[0].passage.text == texts[1]
    assert chinese.ranked("什么冲走了桥？")[0].passage.text == texts[2]
