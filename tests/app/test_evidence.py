"""What is found in a text for a question, and where it says that it stands."""

from hypothesis import given
from hypothesis import strategies as st

from app.evidence import find_evidence
from app.ingest.kinds import Kind
from app.ingest.outline import Heading, Outline, PageSpan
from app.library import IndexedText
from app.lift.passages import cut_passages
from app.lift.retrieval import PassageRanking
from app.models import QAPairRow
from app.question_views import Evidence, EvidenceKind

TEXT = (
    "\n\nThe mill of Orrin was built by Tessa Vaal in the year of the long frost. It is said to be "
    "the oldest.\n\nThe wheel was cut from a single oak. Farmers paid in barley.\n\nA school "
    "stands beside the river now. Its bell came from a ship."
)
WORDS = st.lists(st.sampled_from(["mill", "oak", "é😀", "wheel", "the", "\n\n", ". ", "  "]))


def indexed(text: str, outline: Outline | None = None, most: int = 120) -> IndexedText:
    ranking = PassageRanking(list(cut_passages(text, len, most // 2, most)))
    return IndexedText(text, ranking, outline)


def pair(question: str, evidence: str, start: int) -> QAPairRow:
    return QAPairRow(question=question, answer="", evidence=evidence, start=start)


def find(text: IndexedText, question: str, *pairs: QAPairRow) -> tuple[Evidence, ...]:
    return find_evidence(text, question, question, pairs)


@given(WORDS.map(" ".join), st.sampled_from(["Which mill?", "oak wheel", "é😀", "zebra"]))
def test_evidence_stands_where_it_says(text: str, question: str) -> None:
    """Whatever the text: verbatim, without space around it, the best first, never empty."""
    found = find(indexed(text), question)

    assert all(text[each.start : each.end] == each.text == each.text.strip() for each in found)
    assert all(each.text and each.score > 0 for each in found)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert len(found) <= 5


def test_best_passage_comes_first() -> None:
    """It has the question's words; one that shares only `from` with it is left out."""
    found = find(indexed(TEXT), "What was the wheel cut from?")

    assert found[0].kind is EvidenceKind.PASSAGE
    assert "single oak" in found[0].text
    assert not any("school" in each.text for each in found)


def test_nothing_is_found_for_foreign_words() -> None:
    """No evidence is better than none that fits."""
    assert find(indexed(TEXT), "Why do zebras yawn?") == ()


def test_page_and_heading_are_where_it_begins() -> None:
    """From the outline; between pages, and without an outline, there are none."""
    start = TEXT.index("The wheel")
    outline = Outline(
        kind=Kind.PDF,
        encoding=None,
        pages=(PageSpan(1, "i", 2, start - 2), PageSpan(2, "ii", start, start + 60)),
        headings=(
            Heading(1, "Orrin", 0),
            Heading(2, "Wheels", start),
            Heading(1, "Now", start + 90),
        ),
    )
    text = indexed(TEXT, outline)
    (wheel, *_), (mill, *_) = find(text, "wheel oak"), find(text, "Tessa Vaal")
    (school, *_), (bare, *_) = find(text, "school bell"), find(indexed(TEXT), "wheel oak")

    assert (wheel.page, wheel.heading) == (2, "Wheels")
    assert (mill.page, mill.heading) == (1, "Orrin")
    assert (school.page, bare.page, bare.heading) == (None, None, None)


def test_a_passage_that_begins_with_a_heading_stands_under_it() -> None:
    """The heading's mark, as of Markdown, comes before its title."""
    text = "## Mills\n\nThe mill was built by Tessa."
    outline = Outline(kind=Kind.MARKDOWN, encoding=None, headings=(Heading(2, "Mills", 3),))
    (found,) = find(indexed(text, outline), "Tessa")

    assert (found.start, found.heading) == (0, "Mills")


def test_evidence_of_a_stored_question_comes_first() -> None:
    """It was proved to be verbatim when the pair was written; the score says how alike they are."""
    evidence = "The wheel was cut from a single oak."
    start = TEXT.index(evidence)
    stored = pair("What was the mill's wheel cut from?", evidence, start)
    first, *others = find(indexed(TEXT), "what was the wheel of the mill cut from", stored)

    assert (first.kind, first.text) == (EvidenceKind.QA_PAIR, evidence)
    assert (first.start, first.end, first.score) == (start, start + len(evidence), 1.0)
    assert {each.kind for each in others} == {EvidenceKind.PASSAGE}
    assert len(others) <= 4


def test_other_stored_questions_are_not_taken() -> None:
    """A word in common is not the same question, and no word is none."""
    stored = pair("Who built the mill?", "Farmers paid in barley.", TEXT.index("Farmers"))

    assert not [
        each
        for each in find(indexed(TEXT), "Where is the mill today?", stored)
        if each.kind is EvidenceKind.QA_PAIR
    ]
    assert find(indexed(TEXT), "of the?", pair("the of?", "barley", TEXT.index("barley"))) == ()


def test_evidence_that_is_not_there_is_not_shown() -> None:
    """A pair of a text that was read otherwise points beside it."""
    asked = "Who built the mill?"
    stored = [pair(asked, "Tessa Vaal", TEXT.index("Tessa") + 1), pair(asked, "", 0)]

    assert all(each.kind is EvidenceKind.PASSAGE for each in find(indexed(TEXT), asked, *stored))


def test_no_more_than_five_pieces_and_two_of_pairs() -> None:
    """Many stored questions leave room for passages."""
    asked, text = "Who built the mill?", "The mill was built. " * 200
    stored = [pair(asked, "mill", text.index("mill")) for _ in range(4)]
    kinds = [each.kind for each in find(indexed(text), asked, *stored)]

    assert kinds == [EvidenceKind.QA_PAIR] * 2 + [EvidenceKind.PASSAGE] * 3
