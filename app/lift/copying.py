"""Decoding held to copying: each row may only say a span of its own source text, word for word.

A small model does not quote reliably when merely asked to; held to its source, it cannot do else.
"""

import torch
from torch import Tensor

from app.lift.base_model import BaseModel


class SpanCopier:
    """A chooser for `generation.decode` that lets every row copy one span of its source.

    A span starts at the start of a word; where it ends, the row says `end_id`.
    """

    def __init__(self, base: BaseModel, sources: list[str], end_id: int) -> None:
        self._end_id = end_id
        self._sources = [base.tokenize(f" {source}") for source in sources]
        self._next = [_word_starts(base, source) for source in self._sources]
        self._started = False

    def __call__(self, logits: Tensor) -> list[int]:
        """Choose the likeliest permitted token of every row, for logits [B, vocabulary]."""
        tokens = [self._choose(row, logits[row]) for row in range(len(self._sources))]
        self._started = True
        return tokens

    def _choose(self, row: int, logits: Tensor) -> int:
        source = self._sources[row]
        permitted = {source[index] for index in self._next[row] if index < len(source)}
        if self._started:
            permitted.add(self._end_id)
        if not permitted:
            return self._end_id
        candidates = sorted(permitted)
        token = candidates[int(logits[torch.tensor(candidates, device=logits.device)].argmax())]
        self._next[row] = {
            index + 1
            for index in self._next[row]
            if index < len(source) and source[index] == token and token != self._end_id
        }
        return token


def _word_starts(base: BaseModel, source: list[int]) -> set[int]:
    pieces = base.tokenizer.convert_ids_to_tokens(source)
    return {index for index, piece in enumerate(pieces) if piece.startswith(_WORD_MARKS)}


_WORD_MARKS = ("Ġ", "▁", " ")
"""How byte-level BPE, SentencePiece and plain tokenizers mark the start of a word."""
