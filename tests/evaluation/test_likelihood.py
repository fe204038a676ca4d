"""What the claims about answer quality are measured with."""

from dataclasses import replace

import pytest
import torch

from app.evaluation.likelihood import gold_log_likelihoods, is_shown
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.memory import GatedMemory
from app.lift.prompts import answering_context, question_prompt
from tests.lift.conftest import TEXT, llama, make_memory, small  # noqa: F401 - fixtures

GOLD = [("Who lit the lamp?", "Mirel Tand"), ("What did the harbour pay?", "salted plums")]


def by_hand(base: BaseModel, method: MethodConfig, question: str, answer: str) -> float:
    """The mean log-probability of the answer's tokens, each behind all that stands before it."""
    context = answering_context(base, base.tokenize(TEXT), method.context_tokens)
    ids = question_prompt(base, context, question).ids
    logs = []
    for token in base.tokenize(f" {answer}"):
        with torch.no_grad():
            logs.append(base.model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)[token].item())
        ids = [*ids, token]
    return sum(logs) / len(logs)


@pytest.mark.parametrize("with_memory", [False, True])
def test_likelihood_is_the_mean_log_probability_token_by_token(
    llama: BaseModel,  # noqa: F811
    small: MethodConfig,  # noqa: F811
    make_memory: object,  # noqa: F811
    with_memory: bool,
) -> None:
    """All questions at once score as each answer fed in token by token."""
    memory: GatedMemory | None = make_memory(llama) if with_memory else None  # type: ignore[operator]
    found = gold_log_likelihoods(llama, TEXT, GOLD, small, memory)
    if memory:
        with llama.plugged(memory):
            expected = [by_hand(llama, small, *each) for each in GOLD]
    else:
        expected = [by_hand(llama, small, *each) for each in GOLD]

    assert found == pytest.approx(expected, abs=1e-3)


def test_a_quote_is_shown_if_it_lies_in_head_or_tail(
    llama: BaseModel,  # noqa: F811
    small: MethodConfig,  # noqa: F811
) -> None:
    """The beginning and the end are shown, the middle is not, nor what straddles the cut."""
    quotes = (TEXT[:20], TEXT[-20:], TEXT[100:130], TEXT[20:45])
    shown = [is_shown(llama, TEXT, quote, small) for quote in quotes]

    assert shown == [True, True, False, False]


def test_a_document_that_fits_is_shown_whole(
    llama: BaseModel,  # noqa: F811
    small: MethodConfig,  # noqa: F811
) -> None:
    """Without a cut every quote is in the context."""
    method = replace(small, window_tokens=2000, context_tokens=1000)

    assert is_shown(llama, TEXT, TEXT[100:130], method)
