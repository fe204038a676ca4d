"""One answer in the making: tokens chosen, told in pieces, ended where they have to.

One object for each answer; a batch has one for each row.
"""

from collections.abc import Iterator
from statistics import fmean

from torch import Tensor

from app.engine.answerer import Ask, Piece, Reply, TokenLogprob
from app.engine.sampling import draw_by, log_probabilities
from app.engine.sources import Composed
from app.engine.wording import Wording
from app.lift.base_model import BaseModel
from app.lift.generation import Step
from app.lift.prompts import Prompt


class Saying:
    """What the model says to one question."""

    def __init__(self, ask: Ask, base: BaseModel, prompt: Prompt) -> None:
        self._base = base
        self._prompt_tokens = len(prompt.ids)
        self._most_tokens = min(ask.max_tokens, base.max_positions - self._prompt_tokens)
        self._num_logprobs = ask.num_logprobs
        self._draw = draw_by(ask.sampling)
        self._wording = Wording(base.tokenizer, ask.sampling.stop)
        self._shares: list[float] = []
        self._said_tokens = 0
        self.num_steps = 0
        """Steps that were heard, with the one that ended it."""
        self.finish_reason: str | None = None
        """`stop` or `length` once it is over."""

    def choose(self, logits: Tensor) -> list[int]:
        """Choose the next token from logits [1, vocabulary]."""
        return [self._draw(logits[0])]

    def hear(self, step: Step) -> Iterator[Piece]:
        """Take the step's token; yields what it adds, and at the end what was held back."""
        self.num_steps += 1
        token, share = step.tokens[0], step.memory_shares[0] if step.memory_shares else None
        if share is not None:
            self._shares.append(share)
        if token in self._base.stop_ids:
            self.finish_reason = "stop"
            if rest := self._wording.finish():
                yield Piece(rest, share)
            return
        self._said_tokens += 1
        text = self._wording.add(token)
        if self._wording.is_stopped:
            self.finish_reason = "stop"
        elif self.num_steps >= self._most_tokens:
            self.finish_reason = "length"
            text += self._wording.finish()
        yield self._piece(text, share, token, step.logits[0])

    def reply(
        self,
        *,
        num_dropped_turns: int,
        swap_seconds: float,
        first_token_seconds: float,
        total_seconds: float,
        composed: Composed | None = None,
    ) -> Reply:
        """Return the whole answer, once it is over."""
        assert self.finish_reason, "an answer that is not over"
        return Reply(
            text=self._wording.text,
            memory_share=fmean(self._shares) if self._shares else None,
            finish_reason=self.finish_reason,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._said_tokens,
            swap_seconds=swap_seconds,
            first_token_seconds=first_token_seconds,
            total_seconds=total_seconds,
            num_dropped_turns=num_dropped_turns,
            composed=composed,
        )

    def _piece(self, text: str, share: float | None, token: int, logits: Tensor) -> Piece:
        if self._num_logprobs is None:
            return Piece(text, share)
        logprob, likeliest = log_probabilities(logits, token, self._num_logprobs)
        named = [TokenLogprob(self._name(each), value) for each, value in likeliest]
        return Piece(text, share, TokenLogprob(self._name(token), logprob), tuple(named))

    def _name(self, token: int) -> str:
        name: str = self._base.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return name
