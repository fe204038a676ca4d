"""The auxiliary task: pairs written about a document, for training and held back (section 3.3).

Knows how many are asked for and which kind; `synthesis.py` and `passage_index.py` write them.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from app.lift.base_model import BaseModel
from app.lift.changes import Span
from app.lift.config import AuxiliaryTask, MethodConfig
from app.lift.earlier import Earlier
from app.lift.observer import Observer, QAPair, Stage, Tries
from app.lift.passage_index import index_pairs
from app.lift.synthesis import question_pairs

Writer = Callable[[BaseModel, str, Sequence[Span], MethodConfig, int, Earlier], Iterator[Tries]]
"""Writes so many pairs about spans of a text, by the batch, behind what was tried earlier."""

_WRITERS: Mapping[AuxiliaryTask, Writer] = MappingProxyType(
    {"questions": question_pairs, "passage-index": index_pairs}
)


def synthesise(
    base: BaseModel,
    text: str,
    spans: Sequence[Span],
    num_tokens: int,
    method: MethodConfig,
    observer: Observer,
    earlier: Earlier,
) -> list[QAPair]:
    """Write the pairs that `method` asks for about spans of a text, of `num_tokens` tokens.

    Fewer come back from spans that are too short. What comes beyond the pairs to train on is held
    back, up to `num_held_back_pairs`: of places drawn at random, the last ones. Those that were
    written earlier come first, and the others are the same as if all had been written in one go.

    Raises:
        DocumentError: the text is not of the form that the auxiliary task needs.
    """
    to_train = num_training_pairs(num_tokens, method)
    wanted = to_train + method.num_held_back_pairs
    pairs, num_tried = list(earlier.pairs), earlier.num_tried
    observer.stage_started(Stage.SYNTHESISE, wanted, "pairs", len(pairs))
    write = _WRITERS[method.auxiliary_task]
    for tries in write(base, text, spans, method, wanted, earlier) if wanted else ():
        numbered = enumerate(tries.pairs, start=len(pairs))
        written = [replace(pair, is_held_back=number >= to_train) for number, pair in numbered]
        pairs += written
        num_tried += tries.num_tried
        observer.pairs_written(written, num_tried)
        observer.progressed(len(pairs))
    return pairs


def num_training_pairs(num_tokens: int, method: MethodConfig) -> int:
    """Return how many pairs are to be trained on for `num_tokens` tokens of a document."""
    if method.tokens_per_qa_pair is None:
        return method.num_qa_pairs
    return max(method.num_qa_pairs, math.ceil(num_tokens / method.tokens_per_qa_pair))
