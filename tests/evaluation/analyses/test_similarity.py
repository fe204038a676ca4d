from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cosine_similarity

from app.evaluation.analyses.attention import kept_attention
from app.evaluation.analyses.errors import AnalysisError
from app.evaluation.analyses.similarity import (
    FULL,
    TRUNCATED,
    WITH_MEMORY,
    WITH_OTHER_MEMORY,
    attention_outputs,
    measure_similarity,
)
from app.evaluation.analyses.similarity_report import (
    layer_rows,
    mean_gain,
    similarity_findings,
)
from app.evaluation.analyses.subject import Asked, Subject
from app.evaluation.likelihood import gold_log_likelihoods
from app.lift.base_model import BaseModel
from app.lift.kinds import new_memory
from app.lift.memory import GatedMemory
from app.lift.prompts import answering_context, question_prompt
from tests.evaluation.analyses.conftest import ASKED, METHOD, awake, subject_of
from tests.lift.conftest import TEXT, base  # noqa: F401 - a fixture: every family

WIDE = replace(METHOD, window_tokens=1000, context_tokens=900)
"""The truncated context shows all of the small text."""


def flat(layers: list[list[float]]) -> list[float]:
    return [cosine for layer in layers for cosine in layer]


def seen_alone(subject: Subject, asked: Asked, context_tokens: int) -> list[torch.Tensor]:
    """What each o_proj is given at the positions that predict the answer, one question alone."""
    model = subject.base
    context = answering_context(model, subject.tokens, context_tokens)
    asking = question_prompt(model, context, asked.question).ids
    answer = model.tokenize(f" {asked.answer}")
    seen: list[torch.Tensor] = []
    layers = [layer.self_attn.o_proj for layer in model.model.model.layers]
    handles = [
        layer.register_forward_pre_hook(lambda _m, args: seen.append(args[0])) for layer in layers
    ]
    with torch.no_grad():
        model.model(torch.tensor([[*asking, *answer]]))
    for handle in handles:
        handle.remove()
    return [each[0, len(asking) - 1 : -1].reshape(len(answer), 4, 16) for each in seen]


def test_model_is_like_itself(base: BaseModel) -> None:  # noqa: F811
    """Where the truncated context is the whole document, every cosine is 1."""
    subject = subject_of(base, GatedMemory(base.shapes, 2), WIDE)
    found = measure_similarity(subject, ASKED)

    assert flat(found.cosines[TRUNCATED]) == pytest.approx([1.0] * 6, abs=1e-5)
    assert found.cut_tokens == 0


def test_shut_memory_is_like_no_memory(subject: Subject) -> None:
    """A memory of zeros only scales attention down: the cosines in the first layer are the same."""
    shut = replace(subject, memory=GatedMemory(subject.base.shapes, 2))
    found = measure_similarity(shut, ASKED)

    assert found.cosines[WITH_MEMORY][0] == pytest.approx(found.cosines[TRUNCATED][0], abs=1e-5)


def test_awake_memory_changes_attention(subject: Subject) -> None:
    """What a memory adds is seen already in the first layer."""
    found = measure_similarity(subject, ASKED)

    assert found.cosines[WITH_MEMORY][0] != pytest.approx(found.cosines[TRUNCATED][0], abs=1e-3)


def test_cosine_is_that_of_each_question_alone(subject: Subject) -> None:
    """Two questions in one pass give what each gives in a pass of its own, head by head."""
    found = measure_similarity(subject, ASKED)
    for number, asked in enumerate(ASKED):
        short = seen_alone(subject, asked, METHOD.context_tokens)
        full = seen_alone(subject, asked, len(subject.tokens))
        expected = [
            cosine_similarity(a, b, dim=-1).mean().item() for a, b in zip(short, full, strict=True)
        ]
        assert [layer[number] for layer in found.cosines[TRUNCATED]] == pytest.approx(
            expected, abs=1e-4
        )


def test_many_questions_are_read_in_several_passes(subject: Subject) -> None:
    """More questions than one pass takes come back in their order."""
    found = attention_outputs(subject, ASKED * 9, METHOD.context_tokens, None)

    assert found.losses.shape == (18,)
    assert found.losses.tolist() == pytest.approx(found.losses[:2].tolist() * 9, abs=1e-4)
    assert found.layers[0].shape == (9 * (11 + 13), 4, 16)


def test_log_likelihoods_are_those_of_the_harness(subject: Subject) -> None:
    """With memory and without, the gold answers score as they do elsewhere."""
    found = measure_similarity(subject, ASKED)
    for name, memory in ((TRUNCATED, None), (WITH_MEMORY, subject.memory)):
        expected = gold_log_likelihoods(subject.base, TEXT, ASKED, METHOD, memory)
        assert found.log_likelihoods[name] == pytest.approx(expected, abs=1e-4)
    assert len(found.log_likelihoods[FULL]) == 2


def test_other_memory_is_a_condition_of_its_own(subject: Subject) -> None:
    """Another document's memory is measured beside the own one."""
    found = measure_similarity(subject, ASKED, awake(subject.base, seed=1))

    assert list(found.cosines) == [TRUNCATED, WITH_MEMORY, WITH_OTHER_MEMORY]
    assert found.cosines[WITH_OTHER_MEMORY] != found.cosines[WITH_MEMORY]


def test_rivals_memory_can_be_compared(subject: Subject) -> None:
    """LoRA has no gates, and its influence on attention is seen all the same."""
    method = replace(METHOD, memory_kind="lora", lora_rank=2)
    memory = new_memory(subject.base, method)
    with torch.no_grad():
        for weight in memory.parameters():
            weight.fill_(0.3)
    found = measure_similarity(replace(subject, memory=memory), ASKED)

    assert flat(found.cosines[WITH_MEMORY]) != pytest.approx(flat(found.cosines[TRUNCATED]))


def test_hooks_are_gone_afterwards(subject: Subject) -> None:
    """Nothing more is kept once the block has ended, not even by an error."""
    with pytest.raises(ZeroDivisionError), kept_attention(subject.base, torch.tensor([0])) as kept:
        raise ZeroDivisionError
    with torch.no_grad():
        subject.base.model(torch.tensor([[5, 6]]))

    assert kept == {}


def test_cut_tokens_are_those_not_shown(subject: Subject) -> None:
    """What head and tail leave out is counted: all but the budget, less the gap's five bytes."""
    found = measure_similarity(subject, ASKED[:1])

    assert found.cut_tokens == len(TEXT) - (METHOD.context_tokens - len("\n...\n"))


def test_no_question_is_refused(subject: Subject) -> None:
    """Without a question there is no position to compare at."""
    with pytest.raises(AnalysisError, match="no question was given"):
        measure_similarity(subject, [])


def test_document_beyond_the_base_model_is_refused(subject: Subject) -> None:
    """A document that the base model cannot read whole is refused with both lengths."""
    long = replace(subject, tokens=subject.tokens * 80)

    with pytest.raises(AnalysisError, match=r"takes \d{5} tokens.* reads 16384 at once"):
        measure_similarity(long, ASKED)


def test_gain_is_with_memory_less_without(subject: Subject) -> None:
    """By layer and overall, the gain is what the memory adds to the cosine."""
    found = measure_similarity(subject, ASKED)
    rows = layer_rows(found)
    by_layer = [row.cosines[WITH_MEMORY] - row.cosines[TRUNCATED] for row in rows]

    assert [row.gain for row in rows] == by_layer
    assert mean_gain(found).value == pytest.approx(sum(by_layer) / 3)
    assert mean_gain(found).low <= mean_gain(found).value <= mean_gain(found).high


def test_findings_hold_a_row_for_each_layer_question_and_condition(subject: Subject) -> None:
    """The table is complete, the summary names the gain, and the figure has a line each."""
    findings = similarity_findings(measure_similarity(subject, ASKED[:1]), "Title")

    assert [row[:3] for row in findings.rows] == [
        (name, layer, 0) for name in (TRUNCATED, WITH_MEMORY) for layer in range(3)
    ]
    assert findings.summary["gain"]["low"] is None  # type: ignore[index] - one question
    assert findings.figures[0].count("<polyline") == 4  # two lines, and two in the legend
