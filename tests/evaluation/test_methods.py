"""Methods by name, and what an entry of a run is run with."""

import pytest

from app.evaluation.errors import EvaluationError
from app.evaluation.methods import METHODS, Entry, Whose, parse_entries


def entry(label: str) -> Entry:
    (found,) = parse_entries(label)
    return found


def test_methods_are_those_of_the_readme() -> None:
    """All names, so that none goes unnoticed."""
    assert list(METHODS) == [
        "closed", "icl", "icl-full", "rag", "lift", "lift-closed", "lift+rag",
        "lift-wrong-document", "lift-no-ct", "lift-no-ct-equal", "pissa", "lora", "unrelated",
        "unrelated-icl",
    ]  # fmt: skip


def test_what_a_method_is_measured_against_has_its_prompt_and_no_memory() -> None:
    """So the difference is the memory's."""
    with_memory = [each for each in METHODS.values() if each.memory is not Whose.NOBODY]
    compared = [each for each in with_memory if not each.is_unrelated]

    assert all(METHODS[each.against or ""].prompt is each.prompt for each in compared)
    assert all(METHODS[each.against or ""].memory is Whose.NOBODY for each in compared)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("icl,lfit", "unknown method 'lfit'; the methods are: closed, icl, "),
        ("", "name at least one method"),
        (" , ", "name at least one method"),
        ("icl,lift,icl", "named twice: icl"),
        ("lift:num_qa_pairs", "an option is name=value, not 'num_qa_pairs'"),
        ("lift:=3", "an option is name=value, not '=3'"),
    ],
)
def test_unknown_or_repeated_methods_are_refused(text: str, says: str) -> None:
    """Before anything is loaded, with what there is."""
    with pytest.raises(EvaluationError, match=says):
        parse_entries(text)


def test_options_are_laid_over_each_other() -> None:
    """Preset, then the run's options, then what makes the method, then the entry's own."""
    options = {"recitation_context_tokens": 32, "seed": 5}

    assert entry("lift").config("quick", {}).recitation_context_tokens == 256
    assert entry("lift").config("quick", options).recitation_context_tokens == 32
    assert entry("lift-no-ct").config("quick", options).recitation_context_tokens == 0
    assert entry("lift:seed=7").config("quick", options).seed == 7
    assert entry("lift").config("quick", options).seed == 5


@pytest.mark.parametrize("kind", ["lora", "pissa"])
def test_rival_trains_as_many_parameters_unless_told_otherwise(kind: str) -> None:
    """Rank None is Gated Memory's budget; a rank given for the run or the entry is taken."""
    assert entry(kind).config("paper", {}).memory_kind == kind
    assert entry(kind).config("paper", {}).lora_rank is None
    assert entry(kind).config("paper", {"lora_rank": 8}).lora_rank == 8
    assert entry(f"{kind}:lora_rank=128").config("paper", {"lora_rank": 8}).lora_rank == 128
    assert entry(kind).config("paper", {"memory_kind": "gated-memory"}).memory_kind == kind


def test_rival_keeps_examples_and_schedule() -> None:
    """Apart from kind and rank, its settings are those of lift: equal training tokens."""
    from dataclasses import replace

    lift = entry("lift").config("quick", {})
    pissa = entry("pissa").config("quick", {})

    assert replace(pissa, memory_kind=lift.memory_kind, lora_rank=lift.lora_rank) == lift


@pytest.mark.parametrize(
    ("label", "preset", "says"),
    [
        ("lift", "quik", "lift: unknown preset 'quik'; there are paper, "),
        ("lift:num_pairs=3", "quick", "lift:num_pairs=3: unknown option 'num_pairs'"),
        ("lift:num_qa_pairs=many", "quick", "option num_qa_pairs"),
        ("lift:context_tokens=600", "quick", "context_tokens must be below window_tokens"),
    ],
)
def test_impossible_settings_name_the_entry(label: str, preset: str, says: str) -> None:
    """The message says which of the methods cannot be run, and why."""
    with pytest.raises(EvaluationError, match=says):
        entry(label).config(preset, {})
