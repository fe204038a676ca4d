"""Writing question/answer pairs, several in one go of decoding, each at its own pace.

A row says a question as it likes, is then given the words that call for an answer, and is held to
copying one span of its evidence: a small model that is merely asked to quote does not do so
reliably.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from torch import Tensor

from app.lift.base_model import BaseModel
from app.lift.config import QuestionStyle
from app.lift.generation import generate
from app.lift.observer import QAPair
from app.lift.prompts import ANSWER_START, writing_prompts
from app.lift.sentences import Sentence

_MAX_QUESTION_TOKENS = 32
_MAX_ANSWER_TOKENS: Mapping[QuestionStyle, int] = MappingProxyType(
    {"general": 20, "detailed": 20, "detailed-brief": 8}
)
_MAX_ANSWER_SHARE = 0.7  # of the evidence's characters: more is the sentence, not an answer
_CONTENT_WORD_LETTERS = 4
_MIN_GROUNDED_SHARE = 0.75  # of a question's longer words must stand in its passage
_WORD_MARKS = ("Ġ", "▁", " ")  # of byte-level BPE, of SentencePiece, of plain tokenizers

Saying = Generator[int, Tensor, list[int]]
"""Gives token after token, is sent the logits [vocabulary] after each; returns what it said."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage and the sentence in it that a pair is to be written about."""

    passage: str
    evidence: Sentence


def write_pairs(base: BaseModel, drafts: Sequence[Draft], style: QuestionStyle) -> Iterator[QAPair]:
    """Let the model write one pair for each draft; yield those that are usable."""
    shown = [(draft.passage, draft.evidence.line) for draft in drafts]
    writers = [Writer(base, draft, _MAX_ANSWER_TOKENS[style]) for draft in drafts]
    bridge = base.tokenize(ANSWER_START)
    room = _MAX_QUESTION_TOKENS + len(bridge) + _MAX_ANSWER_TOKENS[style] + 1
    generate(base, writing_prompts(base, shown, style), room, partial(next_tokens, writers))
    for writer in writers:
        draft = writer.draft
        if answers(writer.answer, draft.evidence.line, writer.question):
            yield QAPair(writer.question, writer.answer, draft.evidence.text, draft.evidence.start)


def next_tokens(writers: Sequence["Writer"], logits: Tensor) -> list[int]:
    """Return each row's next token for logits [B, vocabulary]."""
    return [writer.next_token(row) for writer, row in zip(writers, logits, strict=True)]


class Writer:
    """Writes one pair, token by token."""

    def __init__(self, base: BaseModel, draft: Draft, max_answer_tokens: int) -> None:
        self.draft = draft
        self.question = ""
        self.answer = ""
        self._base = base
        self._max_answer_tokens = max_answer_tokens
        self._end_id = min(base.stop_ids)
        self._saying: Generator[int, Tensor, None] | None = None

    def next_token(self, logits: Tensor) -> int:
        """Return the next token for logits [vocabulary]; one that stops once the pair is done."""
        try:
            if self._saying is None:
                self._saying = self._say(logits)
                return next(self._saying)
            return self._saying.send(logits)
        except StopIteration:
            return self._end_id

    def _say(self, logits: Tensor) -> Generator[int, Tensor, None]:
        logits = yield from self._say_question(logits)
        if not asks_about(self.question, self.draft.passage):
            return
        for token in self._base.tokenize(ANSWER_START):
            logits = yield token
        said = yield from copy_span(
            self._base, self.draft.evidence.line, self._max_answer_tokens, logits
        )
        self.answer = self._base.tokenizer.decode(said).strip().rstrip(".,;:")

    def _say_question(self, logits: Tensor) -> Generator[int, Tensor, Tensor]:
        """Say the likeliest tokens up to a question mark; note the question if there is one."""
        said: list[int] = []
        for _ in range(_MAX_QUESTION_TOKENS):
            said.append(int(logits.argmax()))
            line = self._base.tokenizer.decode(said).lstrip()
            if said[-1] in self._base.stop_ids or "\n" in line:
                break
            logits = yield said[-1]
            if "?" in line:
                self.question = line[: line.index("?") + 1]
                break
        return logits


def copy_span(base: BaseModel, source: str, max_tokens: int, logits: Tensor) -> Saying:
    """Say the likeliest span of `source` that starts with a word, at most `max_tokens` long.

    After the first token the model may end the span where it would rather begin a new line.
    """
    ids, end_id = base.tokenize(f" {source}"), base.tokenize("\n")[-1]
    places = _word_starts(base, ids)  # of tokens that may come next
    said: list[int] = []
    while places and len(said) < max_tokens:
        candidates = sorted({ids[place] for place in places} | ({end_id} if said else set()))
        token = candidates[int(logits[candidates].argmax())]
        if token == end_id:
            break
        places = {place + 1 for place in places if ids[place] == token} - {len(ids)}
        said.append(token)
        logits = yield token
    return said


def _word_starts(base: BaseModel, ids: Sequence[int]) -> set[int]:
    pieces = base.tokenizer.convert_ids_to_tokens(ids)
    return {index for index, piece in enumerate(pieces) if piece.startswith(_WORD_MARKS)}


def asks_about(question: str, passage: str) -> bool:
    """Tell whether a question is one, in words of its passage."""
    words = [word for word in _words(question)[1:] if len(word) >= _CONTENT_WORD_LETTERS]
    known = set(_words(passage))
    return (
        question.endswith("?")
        and "\0" not in question  # no database keeps a NUL as text
        and bool(words)
        and sum(word in known for word in words) >= _MIN_GROUNDED_SHARE * len(words)
    )


def answers(answer: str, evidence: str, question: str) -> bool:
    """Tell whether an answer is a part of its evidence, in whole words, and not in the question."""
    place = evidence.find(answer)
    whole_words = not evidence[place + len(answer) : place + len(answer) + 1].isalnum()
    return (
        bool(answer)
        and place >= 0
        and whole_words
        and len(answer) <= _MAX_ANSWER_SHARE * len(evidence)
        and answer.lower() not in question.lower()
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
