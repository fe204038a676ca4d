"""The main job with the real SmolLM2: upload, train in the worker, ask over HTTP, two documents.

One server, two documents, a few minutes; every test looks at what came of it. The claims about
answer quality are made here, and only on text that the model cannot have read before.
"""

import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import pytest
import torch

from app.client import Client
from app.client_views import Answer, Document
from app.engine.answerer import Ask, collect
from app.engine.batching import BatchingAnswerer
from app.evaluation.likelihood import gold_log_likelihoods, is_shown
from app.lift.adapter import read_adapter
from app.lift.base_model import BaseModel
from app.lift.generation import generate
from app.lift.memory import GatedMemory
from app.lift.presets import PRESETS
from app.lift.prompts import answering_context, question_prompt
from app.samples import Sample, load_sample
from tests.serving import serving

pytestmark = [pytest.mark.real_model, pytest.mark.timeout(1200)]

METHOD = PRESETS["quick"]
LONG, SHORT = "osmerrow", "kitepost"
QUESTION = "What are the roofs of the houses in Osmerrow covered with?"


@dataclass(frozen=True, slots=True)
class Lifted:
    """What the server made of a sample."""

    sample: Sample
    document: Document
    adapter: Path


@dataclass(frozen=True, slots=True)
class Run:
    """One server's work on both samples."""

    documents: dict[str, Lifted]
    answers: dict[str, Answer]
    """The same question in turn: long, short, long again, as a stream, and without memory."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, models: Path, dtype: str) -> Iterator[Run]:
    """Serve, upload both samples, wait for both memories, and ask in turn."""
    data_dir = tmp_path_factory.mktemp("real") / "data"
    with (
        serving(
            data_dir, LIFT_MODEL_CACHE_DIR=str(models), LIFT_DEVICE="cpu", LIFT_DTYPE=dtype
        ) as served,
        Client(served.url()) as client,
    ):
        pairs = {LONG: METHOD.num_qa_pairs, SHORT: 4}  # few for the short one: they take time
        ids = {name: upload(client, load_sample(name), pairs[name]) for name in pairs}
        lifted = {name: wait(client, name, ids[name], data_dir) for name in ids}
        turns = {"first": LONG, "between": SHORT, "again": LONG}
        answers = {
            turn: client.ask(ids[name], QUESTION, max_tokens=24) for turn, name in turns.items()
        }
        *pieces, told = client.ask_streamed(ids[LONG], QUESTION, max_tokens=24)
        assert isinstance(told, Answer)
        answers["streamed"] = told.model_copy(update={"answer": "".join(map(str, pieces))})
        answers["off"] = client.ask(ids[LONG], QUESTION, max_tokens=24, memory="off")
        yield Run(lifted, answers)


def upload(client: Client, sample: Sample, num_qa_pairs: int) -> str:
    return client.upload(
        io.BytesIO(sample.text.encode()),
        "sample.md",
        title=sample.title,
        preset="quick",
        options={"num_qa_pairs": num_qa_pairs},
    )


def wait(client: Client, name: str, document_id: str, data_dir: Path) -> Lifted:
    *_, document = client.follow(document_id)
    assert document.status == "ready", document.error
    folder = data_dir / "store" / "documents" / document_id / "adapters"
    return Lifted(load_sample(name), document, next(folder.glob("*.safetensors")))


@pytest.fixture(scope="module")
def memories(run: Run, smollm2: BaseModel) -> dict[str, GatedMemory]:
    """Both trained memories, read from the server's store."""
    return {name: read_adapter(done.adapter, smollm2) for name, done in run.documents.items()}


@pytest.fixture(scope="module")
def scores(
    run: Run, smollm2: BaseModel, memories: dict[str, GatedMemory]
) -> dict[str, list[float]]:
    """Log-likelihoods of the long sample's gold answers that its truncated context cannot show."""
    sample = run.documents[LONG].sample
    outside = [
        (question.question, question.answer)
        for question in sample.questions
        if not is_shown(smollm2, sample.text, question.where, METHOD)
    ]
    assert len(outside) >= 7
    plugged = {"context": None, "memory": memories[LONG], "wrong": memories[SHORT]}
    found = {
        name: gold_log_likelihoods(smollm2, sample.text, outside, METHOD, memory)
        for name, memory in plugged.items()
    }
    print(json.dumps(found))  # noqa: T201 - shown when a claim fails
    return found


def test_training_loss_falls(run: Run) -> None:
    """Each document's loss is lower in the last third than in the first.

    Thirds, because a single step with a hard question may cost three times its neighbours.
    """
    for done in run.documents.values():
        losses = [loss.loss for loss in done.document.losses]
        third = len(losses) // 3

        assert fmean(losses[-third:]) < fmean(losses[:third]) - 0.2


def test_memory_makes_unseen_gold_answers_likelier(scores: dict[str, list[float]]) -> None:
    """Answers outside the truncated context gain with memory, on average and nearly all of them."""
    gains = [m - c for m, c in zip(scores["memory"], scores["context"], strict=True)]

    assert fmean(gains) > 0.5
    assert sum(gain > 0 for gain in gains) >= 0.75 * len(gains)


def test_another_documents_memory_does_not_have_this_effect(
    scores: dict[str, list[float]],
) -> None:
    """What was learnt is the document: another document's memory gains less than a half of it."""
    gain = fmean(scores["memory"]) - fmean(scores["context"])
    wrong = fmean(scores["wrong"]) - fmean(scores["context"])

    assert wrong < 0.5 * gain


def test_quality_was_measured_with_pairs_that_were_held_back(run: Run) -> None:
    """The long document's memory gains; the second document had the first for its control."""
    first, second = (run.documents[name].document.quality for name in (LONG, SHORT))

    assert first
    assert second
    assert first.num_pairs == METHOD.num_held_back_pairs
    assert first.gain
    assert first.gain > 0
    assert first.with_other_memory is None
    assert second.with_other_memory is not None


def test_memory_off_is_the_bare_model_token_for_token(run: Run, smollm2: BaseModel) -> None:
    """Over HTTP, in our decoding and in transformers' own, the answer without memory is one."""
    text = run.documents[LONG].sample.text
    context = answering_context(smollm2, smollm2.tokenize(text), METHOD.context_tokens)
    prompt = question_prompt(smollm2, context, QUESTION).ids
    ids = torch.tensor([prompt], device=smollm2.device)
    theirs = smollm2.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False
    )[0, len(prompt) :].tolist()
    theirs = [token for token in theirs if token not in smollm2.stop_ids]

    assert generate(smollm2, [prompt], 24)[0] == theirs
    assert run.answers["off"].answer == smollm2.tokenizer.decode(theirs).strip()
    assert run.answers["off"].memory_share is None


def test_alternating_documents_answer_from_their_own_memories(run: Run) -> None:
    """Long, short, long: swapping back gives the same answer, and the other differs.

    The beginning of its document was read before, in other pieces: sums are rounded otherwise.
    """
    first, between, again = (run.answers[turn] for turn in ("first", "between", "again"))

    assert again.answer == first.answer
    assert again.memory_share == pytest.approx(first.memory_share, rel=1e-4)
    assert (between.answer, between.memory_share) != (first.answer, first.memory_share)


def test_a_streamed_answer_is_the_whole_one(run: Run) -> None:
    """Its pieces, joined, are what is said at once."""
    assert run.answers["streamed"] == run.answers["again"]


def test_unplugging_gives_the_bare_model_back(
    run: Run, smollm2: BaseModel, memories: dict[str, GatedMemory]
) -> None:
    """After answers with memories, the bare model says what it said before, bit for bit."""
    ids = torch.arange(100, 164, device=smollm2.device)[None]
    with torch.no_grad():
        before = smollm2.model(ids).logits
        with smollm2.plugged(memories[LONG]):
            plugged = smollm2.model(ids).logits
        after = smollm2.model(ids).logits

    assert torch.equal(before, after)
    assert not torch.equal(before, plugged)


def test_cached_decoding_with_memory_equals_uncached(
    run: Run, smollm2: BaseModel, memories: dict[str, GatedMemory]
) -> None:
    """The key/value cache changes no token of an answer from memory."""
    prompt = question_prompt(smollm2, (), QUESTION).ids
    with smollm2.plugged(memories[LONG]), torch.no_grad():
        cached = generate(smollm2, [prompt], 8, stop_ids=frozenset())[0]
        ids = list(prompt)
        for _ in range(8):
            logits = smollm2.model(torch.tensor([ids], device=smollm2.device)).logits
            ids.append(int(logits[0, -1].argmax()))

    assert cached == ids[len(prompt) :]


def test_a_question_longer_than_the_window_is_refused_for_this_model(smollm2: BaseModel) -> None:
    """The engine names both lengths, in this model's own tokens."""
    from app.engine.errors import QuestionTooLongError

    ask = Ask("why? " * 600, "doc", lambda: "text", METHOD, None, 8)
    with (
        closing(BatchingAnswerer(smollm2)) as engine,
        pytest.raises(QuestionTooLongError, match="holds 512"),
    ):
        collect(engine.stream(ask))
