"""What in a document's text bears on a question: passages by its words, and stored questions.

Found by searching. Nobody asks the model what it answered from.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from app.library import IndexedText
from app.lift.stemming import stems
from app.models import QAPairRow
from app.question_views import Evidence, EvidenceKind

_MOST_PIECES, _MOST_PAIRS = 5, 2
_LEAST_AGREEMENT = 0.6
"""Share of two questions' words that they have in common if they ask for the same."""
_LEAST_OF_BEST = 0.3
"""Of the best passage's score: what has less shares only words like `from` with the question."""


def find_evidence(
    indexed: IndexedText, question: str, words: str, pairs: Sequence[QAPairRow]
) -> tuple[Evidence, ...]:
    """Return what bears on a question, stored questions first, each kind from the best on.

    Passages are looked up by `words`: a question may need those of the one before.
    """
    found = [*islice(_from_pairs(indexed, question, pairs), _MOST_PAIRS)]
    return *found, *_from_passages(indexed, words, _MOST_PIECES - len(found))


def _from_pairs(
    indexed: IndexedText, question: str, pairs: Iterable[QAPairRow]
) -> Iterator[Evidence]:
    there = [pair for pair in pairs if _is_verbatim(indexed, pair)]
    asked, *known = (set(words) for words in stems([question, *(pair.question for pair in there)]))
    agreements = [_agreement(asked, words) for words in known]
    ranked = sorted(zip(agreements, there, strict=True), key=lambda each: -each[0])
    for agreement, pair in ranked:
        if agreement >= _LEAST_AGREEMENT:
            yield _evidence(indexed, EvidenceKind.QA_PAIR, pair.start, pair.evidence, agreement)


def _from_passages(indexed: IndexedText, words: str, most: int) -> Iterator[Evidence]:
    ranked = indexed.ranking.ranked(words, most)
    for passage, score in ranked:
        if score > 0 and score >= _LEAST_OF_BEST * ranked[0].score:
            text = passage.text.strip()
            start = passage.start + passage.text.index(text)
            yield _evidence(indexed, EvidenceKind.PASSAGE, start, text, score)


def _is_verbatim(indexed: IndexedText, pair: QAPairRow) -> bool:
    return bool(pair.evidence) and indexed.text.startswith(pair.evidence, pair.start)


def _agreement(asked: set[str], known: set[str]) -> float:
    return len(asked & known) / len(asked | known) if asked else 0.0


def _evidence(
    indexed: IndexedText, kind: EvidenceKind, start: int, text: str, score: float
) -> Evidence:
    first_line_end = start + len(text.partition("\n")[0])  # which may be a heading itself
    page = indexed.outline.page_at(start) if indexed.outline else None
    headings = indexed.outline.headings_at(first_line_end) if indexed.outline else ()
    return Evidence(
        kind=kind,
        text=text,
        start=start,
        end=start + len(text),
        page=page.number if page else None,
        heading=headings[-1].title if headings else None,
        score=score,
    )
