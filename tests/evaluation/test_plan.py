"""Wishes of the command line, made consistent."""

import pytest

from app.evaluation.errors import EvaluationError
from app.evaluation.plan import Plan, Wishes, make_plan
from app.lift.presets import PRESETS


def plan(**wishes: object) -> Plan:
    return make_plan(Wishes(**wishes), "quick")  # type: ignore[arg-type]


def labels(found: Plan) -> list[str]:
    return [entry.label for entry in found.entries]


def test_unsaid_wishes_have_defaults() -> None:
    """The server's preset, and answers as the metrics need them."""
    usual = plan()

    assert labels(usual) == ["closed", "icl", "icl-full", "rag", "lift"]
    assert usual.preset == "quick"
    assert usual.wanted.answers
    assert not usual.wanted.ranks
    assert usual.wanted.max_answer_tokens == 32


def test_metrics_decide_what_is_measured() -> None:
    """Likelihoods alone need no answers; a rank needs ranks."""
    assert not plan(metrics="log-likelihood").wanted.answers
    assert plan(metrics="log-likelihood", answers=True).wanted.answers
    assert plan(rank=True).wanted.ranks
    assert plan(metrics="rank, log-likelihood").wanted.ranks


def test_no_answers_drops_what_would_need_them() -> None:
    """What is left is what likelihoods give."""
    found = plan(answers=False)

    assert not found.wanted.answers
    assert [each.name for each in found.metrics] == ["log-likelihood", "choice-likelihood"]


def test_judge_is_a_metric_where_there_is_an_endpoint() -> None:
    """It needs answers."""
    found = plan(metrics="log-likelihood", has_judge=True)

    assert [each.name for each in found.metrics] == ["log-likelihood", "judge"]
    assert found.wanted.answers


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"metrics": "f2"}, "Unknown metric: f2"),
        ({"methods": "lfit"}, "unknown method 'lfit'"),
        ({"preset": "quik"}, "unknown preset 'quik'"),
        ({"options": {"num_pairs": 3}}, "unknown option 'num_pairs'"),
        ({"metrics": "judge"}, "judge needs --judge-url"),
        ({"metrics": "f1,rank", "answers": False}, "--no-answers leaves nothing to score by f1"),
        ({"has_judge": True, "answers": False}, "--no-answers leaves nothing"),
        ({"paper_table": 1}, "--paper-table 1: there are 2, 3, 4, 5, 6, 7"),
        ({"paper_table": 5, "methods": "icl"}, "leave --methods out"),
    ],
)
def test_contradictions_are_refused(wishes: dict[str, object], says: str) -> None:
    """With what to do instead."""
    with pytest.raises(EvaluationError, match=says):
        plan(**wishes)


@pytest.mark.parametrize(
    ("number", "methods"),
    [
        (2, ["icl", "lift"]),
        (3, ["icl", "lift"]),
        (4, ["icl", "lift"]),
        (5, ["lift-no-ct", "lift"]),
        (6, ["lift:num_qa_pairs=0", "lift:num_qa_pairs=10", "lift:num_qa_pairs=30"]),
    ],
)
def test_paper_table_brings_methods_and_preset(number: int, methods: list[str]) -> None:
    """Every setting that it names exists."""
    found = plan(paper_table=number)

    assert labels(found) == methods
    assert found.preset == "paper"
    assert set(found.presets_by_task.values()) <= set(PRESETS)
    assert all(entry.config(found.preset, {}) for entry in found.entries)


def test_longbench_table_has_a_preset_for_each_task() -> None:
    """Table 9's settings, and LongBench's own metrics."""
    found = plan(paper_table=4)

    assert len(found.presets_by_task) == 5
    assert found.metrics[0].name == "longbench"


def test_table_7_takes_pissa_as_table_8_has_it() -> None:
    """Unless another preset is asked for: then on lift's tokens, at a rate that PiSSA learns at."""
    paper = plan(paper_table=7).entries[-1].config("paper", {})
    equal = plan(paper_table=7, preset="quick")
    lift, rival = (equal.entries[n].config("quick", {}) for n in (1, -1))

    assert (paper.memory_kind, paper.lora_rank, paper.learning_rate) == ("pissa", 128, 3e-5)
    assert (paper.recitation_epochs, paper.joint_epochs) == (1, 3)
    assert labels(equal) == ["icl", "lift", "lift-no-ct-equal", "pissa:learning_rate=1e-3"]
    assert (rival.learning_rate, rival.joint_epochs) == (1e-3, lift.joint_epochs)
    assert rival.lora_rank is None


def test_wishes_win_over_a_table() -> None:
    """Metrics, answers' length and options are free."""
    options = {"window_tokens": 900, "context_tokens": 800}
    found = plan(paper_table=2, metrics="f1", max_answer_tokens=8, options=options)

    assert [each.name for each in found.metrics] == ["f1"]
    assert found.wanted.max_answer_tokens == 8
    assert found.options == options
    assert plan(paper_table=2).wanted.max_answer_tokens == 200
