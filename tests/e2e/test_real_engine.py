"""The engine's laws on the real SmolLM2, with contexts short enough for two cores."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from app.engine.answerer import AdapterFile, Ask, Reply, collect
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.engine.prompting import show
from app.lift.adapter import Lifted, write_adapter
from app.lift.base_model import BaseModel, load_base_model
from app.lift.memory import GatedMemory
from app.lift.presets import PRESETS
from app.samples import load_sample
from tests.engine.reference import answer_alone

pytestmark = [pytest.mark.real_model, pytest.mark.timeout(1200)]

METHOD = replace(PRESETS["quick"], context_tokens=64, window_tokens=256)
TEXTS = {name: load_sample(name).text for name in ("osmerrow", "kitepost")}


@pytest.fixture(scope="module")
def base(models: Path) -> BaseModel:
    """In float32: roundings decide no token."""
    return load_base_model("smollm2", models, "cpu", "float32")


@pytest.fixture(scope="module")
def engine(base: BaseModel) -> Iterator[BatchingAnswerer]:
    """Few slots, and steps that cut prompts."""
    one_slot = 20_000_000
    with closing(BatchingAnswerer(base, EngineLimits(step_tokens=48, slot_bytes=one_slot))) as made:
        yield made


@pytest.fixture(scope="module")
def adapters(base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> list[AdapterFile]:
    """Random memories that are awake enough to change what is said."""
    files = []
    for seed in (1, 2, 3):
        path = tmp_path_factory.mktemp("adapters") / f"{seed}.safetensors"
        generator = torch.Generator().manual_seed(seed)
        memory = GatedMemory.initialised(base.shapes, 2, generator, scale=8.0)
        lifted = Lifted(memory, base, METHOD, 1, 0, 1, (1.0,))
        info = write_adapter(path, lifted, document_sha256="", preset="quick", created_at="")
        files.append(AdapterFile(partial(nullcontext, path), info.sha256))
    return files


def ask(name: str, adapter: AdapterFile | None, question: str, tokens: int = 6) -> Ask:
    """Ask one of the samples; each adapter is another document's."""
    document_id = f"{name}-{adapter.sha256 if adapter else 'bare'}"
    return Ask(question, document_id, lambda: TEXTS[name], METHOD, adapter, tokens)


@pytest.fixture(scope="module")
def asks(adapters: Sequence[AdapterFile]) -> list[Ask]:
    """Documents, lengths, memories and none."""
    first, second, third = adapters
    return [
        ask("osmerrow", first, "What are the roofs covered with?"),
        ask("kitepost", second, "Who carries the letters of the Kite Post, and how far?", 3),
        ask("osmerrow", None, "What is this about?", 8),
        ask("kitepost", third, "Why?"),
    ]


@pytest.fixture(scope="module")
def alone(base: BaseModel, asks: Sequence[Ask]) -> list[tuple[str, float | None]]:
    """What transformers' own attention says to each."""
    return [said(collect(answer_alone(base, each))) for each in asks]


def said(reply: Reply) -> tuple[str, float | None]:
    share = reply.memory_share
    return reply.text, None if share is None else round(share, 3)


def test_batch_and_kept_prefixes_answer_as_transformers_does_alone(
    engine: BatchingAnswerer, asks: Sequence[Ask], alone: Sequence[object]
) -> None:
    """Mixed documents on two slots' room, and again with what was kept: token for token."""
    with ThreadPoolExecutor(len(asks)) as threads:
        rounds = [
            [said(reply) for reply in threads.map(lambda each: collect(engine.stream(each)), asks)]
            for _ in range(2)
        ]

    assert rounds == [alone, alone]


def test_memory_speaks_and_leaves_nothing_behind(
    engine: BatchingAnswerer, base: BaseModel, asks: Sequence[Ask], alone: Sequence[object]
) -> None:
    """A, B, A gives A; the model without a memory says what `generate` says."""
    first, second, bare = asks[0], asks[3], asks[2]
    turns = [said(collect(engine.stream(each))) for each in (first, second, first, bare)]
    shown = show(base, bare, lambda: base.tokenize(TEXTS["osmerrow"]))
    ids = torch.tensor([shown.prompt.ids])
    written = base.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False
    )
    expected = base.tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)

    assert turns == [alone[0], alone[3], alone[0], alone[2]]
    assert turns[3][0] == expected.strip()
    assert turns[0] != said(collect(engine.stream(replace(first, adapter=None))))


def test_retrained_memory_never_meets_the_old_prefix(
    engine: BatchingAnswerer, base: BaseModel, asks: Sequence[Ask], adapters: Sequence[AdapterFile]
) -> None:
    """The same document, text and question with a new adapter: as if it had never been asked."""
    collect(engine.stream(asks[0]))
    retrained = replace(asks[0], adapter=adapters[2])

    assert said(collect(engine.stream(retrained))) == said(collect(answer_alone(base, retrained)))
