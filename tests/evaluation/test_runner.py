"""A run over documents and methods: what it trains, keeps, leaves out and goes on with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.evaluation import measuring
from app.evaluation.bench import Bench
from app.evaluation.errors import EvaluationError
from app.evaluation.records import Record
from app.evaluation.run_folder import RunFolder
from app.evaluation.runner import run_bench
from app.lift.observer import Observer
from app.lift.relevance import Relevance
from tests.evaluation.conftest import MakeBench
from tests.evaluation.corpora import LAMP, PLUM, question
from tests.lift.observers import Recorder


class Watching:
    """Keeps what it hears; can end a run after some batches."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.passes: list[tuple[str, str, int]] = []
        self.trainings: list[tuple[str, str]] = []
        self.failures: list[str | None] = []
        self._left = stop_after

    def pass_started(self, document_id: str, label: str, num_questions: int) -> None:
        self.passes.append((document_id, label, num_questions))

    def training_started(self, document_id: str, label: str) -> Observer:
        self.trainings.append((document_id, label))
        return Recorder()

    def progressed(self, num_questions: int) -> None:
        if self._left is not None:
            self._left -= 1
            if not self._left:
                raise InterruptedError

    def pass_ended(self, seconds: float, failure: str | None) -> None:
        self.failures.append(failure)

    def judged(self) -> None:
        pass


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Bench], Watching]:
    """Run a bench in one folder, as often as asked."""

    def run(bench: Bench) -> Watching:
        watching = Watching()
        run_bench(bench, RunFolder(tmp_path), watching)
        return watching

    return run


def kept(folder: Path) -> list[Record]:
    return [Record(**row) for row in RunFolder(folder).records._file.rows()]


def test_every_question_of_every_method_is_kept(
    make_bench: MakeBench, run: Callable[[Bench], Watching], tmp_path: Path
) -> None:
    """One record each, and nothing to do the second time."""
    bench = make_bench("closed,icl")
    first, second = run(bench), run(bench)

    assert first.passes == [
        ("lamp", "closed", 3), ("lamp", "icl", 3), ("plum", "closed", 2), ("plum", "icl", 2),
    ]  # fmt: skip
    assert len({record.key for record in kept(tmp_path)}) == len(kept(tmp_path)) == 10
    assert second.passes == []


def test_more_methods_and_documents_add_to_what_is_there(
    make_bench: MakeBench, run: Callable[[Bench], Watching]
) -> None:
    """Only what is missing is measured."""
    run(make_bench("icl", documents=(LAMP,)))

    assert run(make_bench("icl,closed")).passes == [
        ("lamp", "closed", 3), ("plum", "icl", 2), ("plum", "closed", 2),
    ]  # fmt: skip


def test_interrupted_run_goes_on_behind_the_last_batch(
    make_bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions of a batch that was kept are not asked again."""
    monkeypatch.setattr(measuring, "_BATCH", 1)
    bench = make_bench("icl")
    with pytest.raises(InterruptedError):
        run_bench(bench, RunFolder(tmp_path), Watching(stop_after=2))
    again = Watching()
    run_bench(bench, RunFolder(tmp_path), again)

    assert again.passes == [("lamp", "icl", 1), ("plum", "icl", 2)]
    assert len(kept(tmp_path)) == 5


def test_memory_is_trained_once_for_all_methods_that_share_it(
    make_bench: MakeBench, run: Callable[[Bench], Watching], tmp_path: Path
) -> None:
    """Same text and settings, same memory: also where it is another document's."""
    bench = make_bench("lift,lift-closed,lift+rag,lift-wrong-document,unrelated")

    assert run(bench).trainings == [("lamp", "lift"), ("plum", "lift-wrong-document")]
    assert {
        r.memory_of for r in kept(tmp_path) if r.method == "lift" and r.document_id == "lamp"
    } == {"lamp"}
    assert {
        r.memory_of
        for r in kept(tmp_path)
        if r.method == "lift-wrong-document" and r.document_id == "lamp"
    } == {"plum"}


def test_other_settings_are_another_memory(
    make_bench: MakeBench, run: Callable[[Bench], Watching]
) -> None:
    """Each variant and each rival trains its own."""
    bench = make_bench("lift,lift-no-ct,pissa,lora,lift:seed=1", documents=(LAMP,))

    assert [label for _, label in run(bench).trainings] == [
        "lift", "lift-no-ct", "pissa", "lora", "lift:seed=1",
    ]  # fmt: skip


def test_method_that_fails_leaves_the_others_their_numbers(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    """It is named with its reason, and tried again in the next run."""
    bench = make_bench("lift:lora_rank=400:memory_kind=pissa,icl", documents=(LAMP,))
    failures = run_bench(bench, RunFolder(tmp_path), Watching())

    assert [(each.document_id, each.label) for each in failures] == [
        ("lamp", "lift:lora_rank=400:memory_kind=pissa")
    ]
    assert "lora_rank" in failures[0].reason
    assert {record.method for record in kept(tmp_path)} == {"icl"}
    assert len(run_bench(bench, RunFolder(tmp_path), Watching())) == 1


def test_question_longer_than_the_window_is_left_out(
    make_bench: MakeBench, run: Callable[[Bench], Watching]
) -> None:
    """The product refuses it, too."""
    long = replace(LAMP.questions[0], question="Who? " * 100)
    document = replace(LAMP, questions=(long, *LAMP.questions[1:]))

    assert run(make_bench("icl", documents=(document,))).passes == [("lamp", "icl", 2)]


def test_other_document_is_the_next_of_another_kind(make_bench: MakeBench) -> None:
    """Two stories and a report: a story gets the report's, the report the first story's."""
    tale = replace(LAMP, document_id="tale")
    bench = make_bench(documents=(LAMP, tale, PLUM))
    alike = make_bench(documents=(LAMP, tale))

    assert [bench.other_document(each).document_id for each in (LAMP, tale, PLUM)] == [
        "plum", "plum", "lamp",
    ]  # fmt: skip
    assert alike.other_document(tale) is LAMP


def test_wrong_document_needs_another_one(make_bench: MakeBench) -> None:
    """Said before anything is trained."""
    with pytest.raises(EvaluationError, match="take two documents or more"):
        make_bench("lift-wrong-document", documents=(LAMP,))


def test_window_beyond_the_base_model_is_refused(make_bench: MakeBench) -> None:
    """Before anything is computed, with what to change."""
    with pytest.raises(EvaluationError, match="the window of 20000 tokens is more than"):
        make_bench("icl", options={"window_tokens": 20_000})


def test_preset_goes_by_the_documents_task(make_bench: MakeBench) -> None:
    """LongBench's tasks have settings of their own; mixed documents keep the run's."""
    bench = make_bench("icl", presets_by_task={"who": "paper"}, documents=(LAMP, PLUM))

    assert [bench.preset_of(each) for each in (LAMP, PLUM)] == ["paper", "quick"]
    assert bench.presets == ["paper", "quick"]
    assert bench.config(bench.entries[0], LAMP).learning_rate == 1e-3


def test_memory_is_read_for_related_questions_only(
    make_bench: MakeBench, run: Callable[[Bench], Watching], tmp_path: Path
) -> None:
    """By the product's rule, on the document that it was trained on; the others score as `icl`."""
    strange = question("lamp", 4, "What is the capital of Japan?", "Tokyo", "")
    lamp = replace(LAMP, questions=(*LAMP.questions, strange))
    methods = (
        "icl,lift:least_relatedness=0.9,lift:least_relatedness=0,unrelated:least_relatedness=1"
    )
    watched = run(make_bench(methods, documents=(lamp, PLUM)))

    rows = [r for r in kept(tmp_path) if r.document_id == "lamp"]
    scores = {(r.method, r.question_id): r for r in rows}
    questions = {r.question_id: r.question for r in rows if r.method == "icl"}
    known = Relevance.of(LAMP.text)
    related = {key: known.probability(said) >= 0.9 for key, said in questions.items()}
    for question_id, is_related in related.items():
        ruled = scores["lift:least_relatedness=0.9", question_id]
        same = "lift:least_relatedness=0" if is_related else "icl"
        assert ruled.memory_of == ("lamp" if is_related else None)
        assert ruled.log_likelihood == pytest.approx(scores[same, question_id].log_likelihood)
    assert set(related.values()) == {True, False}
    assert [each for each in watched.trainings if each[0] == "lamp"] == [
        ("lamp", "lift:least_relatedness=0.9")
    ]
    drift = [r for r in rows if r.method == "unrelated:least_relatedness=1"]
    assert all(r.log_likelihood == r.reference_log_likelihood for r in drift)
