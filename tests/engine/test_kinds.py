"""Memories of all kinds, answered from by one engine."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from app.engine.answerer import (
    AdapterFile,
    Answerer,
    Ask,
    collect,
)
from app.lift.adapter import Lifted, read_adapter, write_adapter
from app.lift.config import MethodConfig
from tests.engine.conftest import path_of
from tests.tiny import tiny_base


@pytest.fixture
def adapters_of_kinds(
    tmp_path: Path,
    make_memory: Callable,
    make_low_rank: Callable,
) -> dict[str, AdapterFile]:
    """One adapter file of each kind, each another document's."""
    base = tiny_base()
    memories = {
        "lora": make_low_rank(base, "lora"),
        "pissa": make_low_rank(base, "pissa"),
        "gated-memory": make_memory(base),
    }
    files = {}
    for kind, memory in memories.items():
        path = tmp_path / f"{kind}.safetensors"
        method = MethodConfig(memory_kind=kind, lora_rank=4)
        lifted = Lifted(memory, base, method, 1, 0, 1, (1.0,))
        info = write_adapter(path, lifted, document_sha256="", preset="paper", created_at="")
        files[kind] = AdapterFile(partial(nullcontext, path), info.sha256)
    return files


def test_kinds_are_swapped_for_one_another(
    any_answerer: Answerer,
    adapters_of_kinds: dict[str, AdapterFile],
    ask: Callable[..., Ask],
) -> None:
    """A LoRA, a PiSSA and a Gated Memory in turn, twice: each gives its own answer again."""
    rounds = [
        {
            kind: collect(any_answerer.stream(ask(adapter))).text
            for kind, adapter in adapters_of_kinds.items()
        }
        for _ in range(2)
    ]
    bare = collect(any_answerer.stream(ask(None))).text

    assert rounds[0] == rounds[1]
    assert len({bare, *rounds[0].values()}) == 4


@pytest.mark.parametrize("kind", ["lora", "pissa"])
def test_a_rivals_answer_has_no_memory_share(
    any_answerer: Answerer,
    adapters_of_kinds: dict[str, AdapterFile],
    ask: Callable[..., Ask],
    kind: str,
) -> None:
    """Without gates there is no share to tell."""
    reply = collect(any_answerer.stream(ask(adapters_of_kinds[kind])))

    assert reply.completion_tokens > 0
    assert reply.memory_share is None


def test_all_that_a_memory_takes_is_counted(
    any_answerer: Answerer,
    adapters_of_kinds: dict[str, AdapterFile],
    ask: Callable[..., Ask],
) -> None:
    """Of a PiSSA also what is not trained: half of it."""
    taken = {}
    for adapter in adapters_of_kinds.values():
        collect(any_answerer.stream(ask(adapter)))
        memory = read_adapter(path_of(adapter), tiny_base(), adapter.sha256)
        taken[adapter.sha256] = sum(tensor.nbytes for tensor in memory.state_dict().values())

    kept = {each.sha256: each.size_bytes for each in any_answerer.kept_adapters()}
    assert {sha256: kept[sha256] for sha256 in taken} == taken
