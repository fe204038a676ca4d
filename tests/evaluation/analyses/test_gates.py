from dataclasses import replace

import pytest
import torch

from app.evaluation.analyses.errors import AnalysisError
from app.evaluation.analyses.gates import Gates, measure_gates
from app.evaluation.analyses.gates_report import gates_findings, layer_gates
from app.evaluation.analyses.subject import Subject
from app.lift.kinds import new_memory
from app.lift.memory import LayerMemory
from app.lift.prompts import answering_context, question_prompt
from tests.evaluation.analyses.conftest import METHOD

QUESTION, ANSWER = "Who lit the lamp?", "Mirel Tand"


@pytest.fixture
def found(subject: Subject) -> Gates:
    return measure_gates(subject, QUESTION, ANSWER)


def by_hand(subject: Subject, layer: int) -> torch.Tensor:
    """The gates of one layer, [T, H], from the layer's own queries and the memory's weights."""
    base = subject.base
    context = answering_context(base, subject.tokens, METHOD.context_tokens)
    prompt = question_prompt(base, context, QUESTION)
    ids = torch.tensor([[*prompt.ids, *base.tokenize(f" {ANSWER}")]])
    seen: list[torch.Tensor] = []
    projection = base.model.model.layers[layer].self_attn.q_proj
    handle = projection.register_forward_hook(lambda _m, _a, output: seen.append(output))
    with torch.no_grad(), base.plugged(subject.memory):
        base.model(ids)
    handle.remove()
    weights = subject.memory.layers[layer]
    assert isinstance(weights, LayerMemory)
    query = seen[0].reshape(-1, 4, 16)
    inner = torch.einsum("thd,hde->the", query, weights.gate_in)
    score = torch.einsum("the,heo->tho", inner * inner.sigmoid(), weights.gate_out)[..., 0]
    return (3 * (score - 1)).sigmoid()[len(prompt.prefix) :]


@pytest.mark.parametrize("layer", [0, 2])
def test_gates_are_those_computed_by_hand(found: Gates, subject: Subject, layer: int) -> None:
    """Head by head and token by token, a gate is sigmoid(3(g(q) − 1)) of the layer's query."""
    assert torch.allclose(found.layers[layer], by_hand(subject, layer), atol=1e-4)


def test_tokens_are_the_question_and_then_the_answer(found: Gates) -> None:
    """The positions shown spell the question and the answer, and not the document."""
    words = "".join(found.tokens)
    behind = "".join(found.tokens[found.num_question_tokens :])

    assert "Who␣lit␣the␣lamp?" in words
    assert "wick" not in words
    assert behind == "␣Mirel␣Tand"
    assert all(len(layer) == len(found.tokens) for layer in found.layers)


def test_memory_share_is_the_mean_where_the_answer_is_predicted(found: Gates) -> None:
    """It takes the question's last token and all of the answer's but the last."""
    first = found.num_question_tokens - 1
    gates = torch.stack(list(found.layers))[:, first : first + len(f" {ANSWER}")]

    assert found.memory_share == pytest.approx(gates.mean().item())


def test_without_answer_the_model_says_one(subject: Subject) -> None:
    """What the model says with the memory is read, and stands in the result."""
    found = measure_gates(subject, QUESTION, None)
    num_answer_tokens = len(found.tokens) - found.num_question_tokens

    assert found.answer == subject.base.tokenizer.decode(subject.base.tokenize(found.answer))
    assert 0 < num_answer_tokens <= 32


def test_silent_model_still_has_a_memory_share() -> None:
    """Where nothing is answered, the share is that of the question's last token."""
    gates = Gates("Q", "", ("a", "b"), 2, (torch.tensor([[0.2, 0.4], [0.6, 0.8]]),))

    assert gates.memory_share == pytest.approx(0.7)


@pytest.mark.parametrize(("question", "answer"), [(" ", None), (" ", "words"), ("Who?", " ")])
def test_empty_question_or_answer_is_refused(
    subject: Subject, question: str, answer: str | None
) -> None:
    """White space asks nothing and answers nothing."""
    with pytest.raises(AnalysisError, match="question or the answer is empty"):
        measure_gates(subject, question, answer)


def test_memory_without_gates_is_refused(subject: Subject) -> None:
    """LoRA has no gates: the error names its kind and says what to give."""
    method = replace(METHOD, memory_kind="lora", lora_rank=2)
    rival = replace(subject, method=method, memory=new_memory(subject.base, method))

    with pytest.raises(AnalysisError, match="'lora' has no gates: give the adapter of a Gated"):
        measure_gates(rival, QUESTION, ANSWER)


def test_layer_figures_are_means_of_its_gates() -> None:
    """Mean while answering, mean at the question, and the head that opens furthest."""
    layer = torch.tensor([[0.1, 0.2], [0.3, 0.6], [0.5, 0.8], [0.0, 0.0]])
    row = layer_gates(Gates("Q", "A", ("q", "r", "a", "b"), 2, (layer,)))[0]

    assert row.heads == pytest.approx((0.4, 0.7))
    assert row.widest_head == 1
    assert row.mean == pytest.approx(0.55)
    assert row.question_mean == pytest.approx(0.3)


def test_findings_hold_every_gate(found: Gates) -> None:
    """There is a row for each token, layer and head, and the answer's predictors are marked."""
    findings = gates_findings(found, "Title")
    rows = [dict(zip(findings.columns, row, strict=True)) for row in findings.rows]
    first = next(row for row in rows if row["predicts_answer"])

    assert len(rows) == len(found.tokens) * 3 * 4
    assert first["position"] == found.num_question_tokens - 1
    assert sum(row["predicts_answer"] for row in rows) == len(f" {ANSWER}") * 3 * 4
    assert rows[-1]["gate"] == pytest.approx(found.layers[2][-1, 3].item(), abs=1e-6)
    assert rows[-1]["part"] == "answer"
    assert len(findings.figures) == 2
