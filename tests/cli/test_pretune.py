"""`lift pretune` from end to end: documents and a tiny model on disk, a reader out."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.lift import trainer
from app.lift.adapter import read_metadata
from app.lift.base_model import load_base_model
from app.lift.errors import ReaderError
from app.lift.presets import resolve_method
from app.lift.reader import load_reader
from tests.lift.conftest import TEXT
from tests.serving import TINY_OPTIONS
from tests.tiny import save_tiny_model

DOCS = [
    {"doc_id": "lamp", "text": TEXT},
    {"doc_id": "kite", "text": "A kite was flown at noon by the twins of the ferry. " * 6},
]
QA = [
    {
        "doc_id": "lamp",
        "qid": "lamp#1",
        "question": "Who lit the lamp?",
        "answers": ["Mirel Tand"],
        "evidence": ["lit by Mirel Tand"],
    },
    {"doc_id": "kite", "qid": "kite#1", "question": "Whose kite?", "answers": ["the twins'"]},
]
OPTIONS = TINY_OPTIONS | {"recitation_epochs": 1, "joint_epochs": 1, "lora_rank": 4}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_tiny_model(folder)
    return folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with documents, questions and settings of the tiny model."""
    for name, value in (("MODEL", model), ("DATA_DIR", tmp_path), ("DEVICE", "cpu")):
        monkeypatch.setenv(f"LIFT_{name}", str(value))
    monkeypatch.setenv("LIFT_DTYPE", "float32")
    monkeypatch.chdir(tmp_path)
    write("docs.jsonl", DOCS)
    write("qa.jsonl", QA)
    return tmp_path


def write(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def pretune(*arguments: str, out: str = "reader.safetensors", **options: Any) -> Result:
    given = [f"--option={name}={json.dumps(value)}" for name, value in (OPTIONS | options).items()]
    files = ["--docs=docs.jsonl", "--qa=qa.jsonl", "--preset=quick", f"--out={out}"]
    return CliRunner().invoke(app, ["pretune", *files, *given, *arguments])


def refused(result: Result, told: str) -> None:
    """One line, exit status 1, nothing written and nothing left behind."""
    assert result.exit_code == 1, result.output
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert {path.name for path in Path().iterdir()} == {"docs.jsonl", "qa.jsonl"}


@pytest.mark.parametrize("kind", ["gated-memory", "lora"])
def test_pretune_writes_a_reader_that_documents_can_start_from(model: Path, kind: str) -> None:
    """The file fits the same model and settings, and says what it was made of."""
    result = pretune(memory_kind=kind)
    base = load_base_model(str(model), Path(), "cpu", "float32")
    path = Path("reader.safetensors")
    reader = load_reader(path, base, resolve_method("quick", OPTIONS | {"memory_kind": kind}))
    metadata = read_metadata(path)

    assert result.exit_code == 0, result.output
    assert (metadata["num_documents"], metadata["num_qa_pairs"]) == ("2", "2")
    assert reader.sha256


def test_pretune_says_both_budgets_and_how_to_use_the_file(folder: Path) -> None:
    """Trained parameters beside Gated Memory's, what was read, and the setting to set."""
    result = pretune(memory_kind="lora")
    said = " ".join(result.output.split())

    assert "lora: 7,296 trained parameters (Gated Memory has 13,104)" in said
    assert "learnt on 2 documents" in said
    assert f"LIFT_READER={folder / 'reader.safetensors'}" in said


def test_pretune_replaces_a_reader_whole() -> None:
    """An older file stays until the new one is there, and no unfinished one is left."""
    Path("reader.safetensors").write_bytes(b"old")
    result = pretune()

    assert result.exit_code == 0, result.output
    assert read_metadata(Path("reader.safetensors"))
    assert [path.name for path in Path().iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--docs=gone.jsonl"], "gone.jsonl"),
        (["--qa=gone.jsonl"], "gone.jsonl"),
        (["--preset=fast"], "unknown preset 'fast'"),
        (["--option=learning_rat=1"], "unknown option 'learning_rat'"),
        (["--option=memory_kind=slots"], "memory_kind"),
        (["--option=memory_kind=pissa", "--option=lora_rank=64"], "more than pissa can have"),
        (["--model=."], "the base model '.' cannot be loaded"),
    ],
)
def test_what_cannot_be_pretuned_is_told_in_one_line(given: list[str], told: str) -> None:
    """The file, setting or model at fault is named."""
    refused(pretune(*given), told)


def test_documents_that_are_none_are_refused() -> None:
    """An empty file is named."""
    Path("docs.jsonl").write_text("")

    refused(pretune(), "docs.jsonl")


def test_damaged_row_is_told_with_its_line() -> None:
    """File and line."""
    Path("docs.jsonl").write_text(json.dumps(DOCS[0]) + "\n{oops\n")

    refused(pretune(), "docs.jsonl, line 2")


def test_folder_that_is_not_there_is_told_before_training() -> None:
    """Hours of training are not lost to a slip in a path."""
    refused(pretune(out="no/such/reader.safetensors"), "no/such is no folder that can be written")


@pytest.mark.parametrize("what", ["folder is gone", "name is taken"])
def test_reader_that_cannot_be_written_is_told_and_leaves_nothing(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens to the folder during training ends in one line, too."""
    folder = Path("made")
    folder.mkdir()
    make_optimizer = trainer._optimizer

    def meddle(*arguments: Any) -> Any:
        if what == "folder is gone":
            folder.rmdir()
        else:
            (folder / "reader").mkdir()
        return make_optimizer(*arguments)

    monkeypatch.setattr(trainer, "_optimizer", meddle)
    result = pretune(out="made/reader")

    assert result.exit_code == 1, result.output
    assert "lift: the reader cannot be written: " in result.stderr
    assert result.stderr.count("\n") == 1
    assert [path.name for path in folder.glob(".*")] == []


def test_reader_of_one_kind_is_refused_for_another(model: Path) -> None:
    """What was trained as a LoRA starts no Gated Memory."""
    assert pretune(memory_kind="lora").exit_code == 0
    base = load_base_model(str(model), Path(), "cpu", "float32")
    with pytest.raises(ReaderError, match="has memory_kind 'lora'"):
        load_reader(Path("reader.safetensors"), base, resolve_method("quick", OPTIONS))


def test_interrupted_pretuning_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a step ends with one line and status 130."""

    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "_backward", interrupt)
    result = pretune()

    assert result.exit_code == 130
    assert "Stopped; no reader was written." in result.stderr
    assert not Path("reader.safetensors").exists()
