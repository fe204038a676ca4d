"""What question/answer pairs are written about: passages with one sentence of them."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.lift.changes import Span
from app.lift.sentences import split_sentences
from app.lift.synthesis import draft_passages
from tests.lift.conftest import TEXT


@given(st.integers(1, 8), st.integers(0, 1000))
def test_drafts_show_their_evidence_in_a_passage_of_the_text(size: int, seed: int) -> None:
    """A passage is a piece of the text with at most so many sentences, evidence among them."""
    drafts = list(draft_passages(TEXT, [Span(0, len(TEXT))], size, Random(seed)))

    assert len({draft.evidence for draft in drafts}) == len(drafts) == 5
    for draft in drafts:
        assert draft.passage in TEXT
        assert draft.evidence.text in draft.passage
        assert len(list(split_sentences(draft.passage))) <= size


def test_headings_and_fragments_are_no_evidence() -> None:
    """Only whole sentences of some length can prove anything."""
    text = (
        "# A heading of more than six words here\n\nShort one. The ferry leaves at noon from here."
    )
    drafts = draft_passages(text, [Span(0, len(text))], 16, Random(0))

    assert [draft.evidence.text for draft in drafts] == ["The ferry leaves at noon from here."]


def test_evidence_may_run_over_lines() -> None:
    """In a text with hard line breaks a sentence is still one sentence."""
    text = "The ferry leaves\nat noon from the\nsouthern quay. It carries goats and letters only."
    drafts = {
        draft.evidence.line for draft in draft_passages(text, [Span(0, len(text))], 4, Random(0))
    }

    assert drafts == {
        "The ferry leaves at noon from the southern quay.",
        "It carries goats and letters only.",
    }


def test_tables_neither_prove_nor_swell_a_passage() -> None:
    """What has no full stops for pages is no evidence, and does not come along as a passage."""
    table = "| cell | cell | cell |\n" * 2000
    text = f"The ferry leaves at noon from the quay. {table} The goats are sent on in the evening."
    drafts = list(draft_passages(text, [Span(0, len(text))], 16, Random(0)))

    assert drafts
    assert all(len(draft.passage) < 7000 for draft in drafts)
    assert all("|" not in draft.evidence.text for draft in drafts)
