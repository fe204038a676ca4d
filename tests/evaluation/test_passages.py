"""The rival that looks things up: how it cuts, ranks, and fills its budget."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.evaluation.passages import PassageIndex
from app.lift.base_model import BaseModel
from app.lift.prompts import GAP
from tests.lift.conftest import cached_base

SENTENCE = "The {0} keeper of {0} found the {0} and went home to count sacks of grain. "
TEXT = "".join(SENTENCE.format(name) for name in ("owl", "heron", "stoat", "otter", "newt")) * 3


def test_text_without_words_can_be_asked(llama: BaseModel) -> None:
    """A table of signs has no index, and does not break the run."""
    text = "- . - ! " * 60

    assert len(PassageIndex(llama, text).context("Who?", 100)) == 100


@settings(max_examples=40)
@given(st.integers(0, 1600), st.sampled_from(["heron", "newt grain", "who went home?"]))
def test_context_fills_its_budget(budget: int, question: str) -> None:
    """At equal prompt tokens: never more, and less only where a piece would say nothing."""
    index = PassageIndex(cached_base("llama"), TEXT)
    context = index.context(question, budget)
    wanted = min(budget, len(TEXT.encode()))

    assert len(context) <= budget
    assert len(context) >= wanted - 16 - len(GAP)


def test_context_keeps_the_documents_order_and_marks_gaps(llama: BaseModel) -> None:
    """The best passage stands where it stands in the document, not first."""
    first, last = TEXT.replace("owl", "zebra", 1), TEXT.replace("newt", "zebra zebra zebra")
    index = PassageIndex(llama, first + last)
    best = [ranked.passage for ranked in index.ranking.ranked("zebra", 2)]
    early, late = sorted(best, key=lambda passage: passage.start)
    budget = sum(len(llama.tokenize(passage.text)) for passage in best) + len(GAP)
    pieces = llama.tokenizer.decode(index.context("zebra", budget)).split(GAP)

    assert late.start > early.end  # so there is a gap to mark
    assert pieces == [early.text, late.text]


def test_document_that_fits_is_shown_whole(llama: BaseModel) -> None:
    """With room for all there is neither order nor gap to see."""
    context = PassageIndex(llama, TEXT).context("newt", 5_000)

    assert llama.tokenizer.decode(context) == TEXT
