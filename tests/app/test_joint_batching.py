"""`POST /ask` with a real engine: answers that are what they are alone, in fewer passes."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from httpx_sse import connect_sse

from app.db import Database
from app.engine.batching import BatchingAnswerer, EngineLimits
from app.lift.adapter import Lifted, write_adapter
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.memory import GatedMemory
from app.storage import Store
from tests.rows import make_ready
from tests.tiny import tiny_base
from tests.waiting import wait_until

NUM_DOCUMENTS = 5
TEXTS = [
    f"The mill at {name} was built by Tessa Vaal. " + f"Nobody in {name} knows more of it. " * 20
    for name in ("Orrin", "Kite", "Osmer", "Dale", "Quill")
]
QUESTION = "Who built the mill?"
SMALL = {"window_tokens": 600, "context_tokens": 300}


class Passes:
    """Forward passes of a model: counted, and held up if a test says so."""

    def __init__(self, base: BaseModel) -> None:
        self.num, self.seconds = 0, 0.0
        self.may_go = Event()
        self.may_go.set()
        base.model.register_forward_pre_hook(self._begin)

    def _begin(self, *_: Any) -> None:
        assert self.may_go.wait(20)
        sleep(self.seconds)
        self.num += 1


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One database is enough: the engine asks none."""
    return sqlite


@pytest.fixture
def base() -> BaseModel:
    """A tiny model."""
    return tiny_base()


@pytest.fixture
def passes(base: BaseModel) -> Passes:
    """The model's passes."""
    return Passes(base)


@pytest.fixture
def limits() -> EngineLimits:
    """As much as anybody needs here."""
    return EngineLimits()


@pytest.fixture
def answerer(base: BaseModel, passes: Passes, limits: EngineLimits) -> BatchingAnswerer:
    """A real engine; the application closes it."""
    return BatchingAnswerer(base, limits)


@pytest.fixture
def adapters(base: BaseModel, tmp_path: Path) -> list[tuple[str, bytes]]:
    """Random memories that are wide awake, as files with their hashes."""
    return list(_write_adapters(base, tmp_path))


@pytest.fixture
def ids(
    client: TestClient, database: Database, store: Store, adapters: list[tuple[str, bytes]]
) -> list[str]:
    """Documents with memories."""
    return add_documents(client, database, store, adapters)


def add_documents(
    http: httpx.Client, database: Database, store: Store, adapters: list[tuple[str, bytes]]
) -> list[str]:
    made = []
    for text, (sha256, content) in zip(TEXTS, adapters, strict=True):
        body = {"text": text, "title": text[:20], "options": SMALL}
        made.append(str(http.post("/documents", json=body).json()["id"]))
        make_ready(database, store, made[-1], sha256, text=text, content=content)
    return made


def ask(client: TestClient, ids: list[str], **body: Any) -> Any:
    asked = client.post("/ask", json={"question": QUESTION, "document_ids": ids} | body)
    assert asked.status_code == 200, asked.text
    return asked.json()


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"temperature": 0.9, "top_p": 0.95, "seed": 5},
        {"context": "retrieved", "stop": ["e"]},
        {"context": "none"},
        {"memory": "off"},
    ],
)
def test_documents_answer_token_for_token_as_alone(
    client: TestClient, ids: list[str], wishes: dict[str, Any]
) -> None:
    """Whoever is asked beside them; memory shares are the same to rounding."""
    wishes = {"max_tokens": 20} | wishes
    together = ask(client, ids, **wishes)["documents"]

    for document_id, told in zip(ids, together, strict=True):
        body = {"question": QUESTION} | wishes
        alone = client.post(f"/documents/{document_id}/ask", json=body).json()
        same = ("answer", "finish_reason", "usage", "evidence", "context", "adapter_sha256")
        assert {name: told[name] for name in same} == {name: alone[name] for name in same}
        assert told["memory_share"] == pytest.approx(alone["memory_share"], abs=1e-5)


def test_composed_answer_is_drawn_by_the_seed_and_ends_at_stop_strings(
    client: TestClient, ids: list[str]
) -> None:
    """The same seed gives the same answer; what a stop string cuts off is its end."""
    wishes = {"max_tokens": 40, "temperature": 1.5, "seed": 3}
    first, again = (ask(client, ids, **wishes)["answer"] for _ in range(2))
    other = ask(client, ids, **wishes | {"seed": 4})["answer"]
    middle = first[len(first) // 2]
    stopped = ask(client, ids, **wishes | {"stop": [middle]})

    assert first == again != other
    assert middle not in stopped["answer"]
    assert all(middle not in each["answer"] for each in stopped["documents"])


def test_composed_answer_is_over_passages_of_all_and_fits_the_window(
    client: TestClient, ids: list[str]
) -> None:
    """Long answers are whole; what is told of passages stands in the texts."""
    told = ask(client, ids[:3], max_tokens=64)

    shown = told["composed_from"]["passages"]
    texts = dict(zip(ids, TEXTS, strict=True))
    assert told["composed_from"]["num_cut_answers"] == 0
    assert {each["document_id"] for each in shown} <= set(ids[:3])
    assert all("mill" in texts[each["document_id"]][each["start"] : each["end"]] for each in shown)
    alone = sum(each["usage"]["prompt_tokens"] for each in told["documents"])
    assert told["usage"]["prompt_tokens"] - alone <= SMALL["window_tokens"]


def test_documents_share_passes(client: TestClient, ids: list[str], passes: Passes) -> None:
    """Together they take about as many as one, and those of the composed answer."""
    wishes = {"max_tokens": 24}
    ask(client, ids, **wishes)  # memories and prefixes are read
    before = passes.num
    ask(client, ids, **wishes)
    together, before = passes.num - before, passes.num
    for document_id in ids:
        client.post(f"/documents/{document_id}/ask", json={"question": QUESTION} | wishes)
    one_by_one = passes.num - before

    assert together < one_by_one * 0.75


def test_leaving_ends_all_rows(
    http: httpx.Client,
    database: Database,
    store: Store,
    adapters: list[tuple[str, bytes]],
    answerer: BatchingAnswerer,
    passes: Passes,
) -> None:
    """While documents speak: none of them speaks to its end, and nothing is composed."""
    live_ids = add_documents(http, database, store, adapters)
    passes.seconds = 0.02
    body = {"question": QUESTION, "document_ids": live_ids, "max_tokens": 512}
    with connect_sse(http, "POST", "/ask/stream", json=body) as source:
        next(source.response.iter_lines())
        assert answerer.num_rows == len(live_ids)
    wait_until(lambda: answerer.num_rows == 0)

    assert passes.num < 512
    assert all(kept.num_answers == 0 for kept in answerer.kept_adapters())


class TestFullEngine:
    """An engine with places for fewer questions than there are documents."""

    @pytest.fixture
    def limits(self) -> EngineLimits:
        return EngineLimits(rows=1, waiting=2)

    def test_full_queue_refuses_all_and_leaves_nothing(
        self, client: TestClient, ids: list[str], answerer: BatchingAnswerer, passes: Passes
    ) -> None:
        """503 as for one question; those that had a place give it back."""
        passes.may_go.clear()
        body = {"question": QUESTION, "document_ids": ids, "max_tokens": 512}
        refused = client.post("/ask", json=body)
        passes.may_go.set()
        wait_until(lambda: answerer.num_rows == 0)
        num_passes = passes.num
        answered = client.post(f"/documents/{ids[0]}/ask", json={"question": QUESTION})

        assert (refused.status_code, refused.json()["code"]) == (503, "engine_busy")
        assert int(refused.headers["retry-after"]) > 0
        assert num_passes < 100  # the three that had a place would take five times as many
        assert answered.status_code == 200


def _write_adapters(base: BaseModel, folder: Path) -> Iterator[tuple[str, bytes]]:
    import torch  # here: what others import first decides

    for seed in range(NUM_DOCUMENTS):
        generator = torch.Generator().manual_seed(seed)
        memory = GatedMemory.initialised(base.shapes, 2, generator, scale=30.0)
        lifted = Lifted(memory, base, MethodConfig(), 1, 0, 1, (1.0,))
        path = folder / f"{seed}.safetensors"
        info = write_adapter(path, lifted, document_sha256="", preset="paper", created_at="")
        yield info.sha256, path.read_bytes()
