"""Question/answer pairs about a document, written by the base model itself (paper, section 3.3).

For each pair the model sees a passage of consecutive sentences and one of them as evidence, writes
a question, and answers in words copied from the evidence. So the evidence is verbatim by
construction, and an answer is never made up. What is no usable pair is dropped, and another
sentence is tried.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from app.lift.base_model import BaseModel
from app.lift.changes import Span, overlaps
from app.lift.config import MethodConfig
from app.lift.earlier import Earlier
from app.lift.observer import Tries
from app.lift.pair_writing import Draft, write_pairs
from app.lift.sentences import Sentence, is_full, split_sentences

_BATCH_ROWS = 8
_MAX_PASSAGE_CHARACTERS = 6_000


def question_pairs(
    base: BaseModel,
    text: str,
    spans: Sequence[Span],
    method: MethodConfig,
    num_pairs: int,
    earlier: Earlier,
) -> Iterator[Tries]:
    """Write up to `num_pairs` pairs, each about another sentence; fewer if these spans are short.

    At most `qa_attempts` sentences are tried for each pair that is asked for. Yields what each
    batch of tries gave, from the batch on that `earlier` did not try. Which sentences share a batch
    follows from the pairs before it, so the pairs are those of a lift in one go, bit for bit.
    """
    drafts = draft_passages(text, spans, method.qa_sentences, Random(method.seed))
    tried = islice(drafts, earlier.num_tried, num_pairs * method.qa_attempts)
    missing = max(0, num_pairs - len(earlier.pairs))
    while batch := list(islice(tried, min(_BATCH_ROWS, missing))):
        written = list(write_pairs(base, batch, method.question_style))
        missing -= len(written)
        yield Tries(written, len(batch))


def draft_passages(
    text: str, spans: Sequence[Span], passage_sentences: int, random: Random
) -> Iterator[Draft]:
    """Yield a draft for every sentence in these spans fit to be evidence, in random order."""
    sentences = list(split_sentences(text))
    fit = [
        number
        for number, sentence in enumerate(sentences)
        if is_full(sentence) and overlaps(sentence.start, sentence.end, spans)
    ]
    for index in random.sample(fit, len(fit)):
        first = max(0, index - random.randrange(passage_sentences))
        around = sentences[first : first + passage_sentences]
        yield Draft(_passage(text, around, index - first), sentences[index])


def _passage(text: str, sentences: Sequence[Sentence], evidence: int) -> str:
    """Return the text of the sentences, less those that are too far from the evidence to fit."""
    first, last = 0, len(sentences) - 1
    while sentences[last].end - sentences[first].start > _MAX_PASSAGE_CHARACTERS:
        if last - evidence > evidence - first:
            last -= 1
        else:
            first += 1
    return text[sentences[first].start : sentences[last].end]
