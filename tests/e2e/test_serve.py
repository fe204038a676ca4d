"""Real `lift serve` processes on a tiny model: what they leave behind, and what they keep."""

import io
import signal
from pathlib import Path

import pytest

from app.client import Client
from app.client_views import Answer
from tests.serving import TINY_OPTIONS, Served, serving, tiny_settings
from tests.waiting import wait_until

_TEXT = "The lamp of Osmerrow is lit at dusk by the keeper's youngest child. " * 8


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings that serve a tiny model."""
    return tiny_settings(tmp_path_factory.mktemp("model") / "tiny")


def upload(client: Client, **options: int | str) -> str:
    return client.upload(
        io.BytesIO(_TEXT.encode()), "book.txt", preset="quick", options=TINY_OPTIONS | options
    )


def assert_nothing_is_left(served: Served, data_dir: Path) -> None:
    assert served.process.wait(60) == 0, served.log
    assert served.survivors() == []
    assert not [path for path in data_dir.rglob("*") if path.is_socket()]
    assert served.log.endswith("lift: stopped\n")


@pytest.mark.faults
def test_ctrl_c_while_training_keeps_the_job_and_nothing_else(
    tmp_path: Path, tiny: dict[str, str]
) -> None:
    """Ctrl-C ends all processes at once; the next server on the folder ends the job."""
    data_dir = tmp_path / "data"
    with serving(data_dir, **tiny) as served, Client(served.url()) as client:
        document_id = upload(client, recitation_epochs=40)
        wait_until(lambda: client.get(document_id).stage == "train", 60)
        served.process.send_signal(signal.SIGINT)
        assert_nothing_is_left(served, data_dir)

    with serving(data_dir, **tiny) as served, Client(served.url()) as client:
        first, *_, last = client.follow(document_id, every_seconds=0.2)
        answer = client.ask(document_id, "Who lights the lamp?", max_tokens=4)

    assert first.status in ("queued", "running")
    assert last.status == "ready"
    assert answer.memory_share


def test_a_document_is_asked_while_the_only_worker_trains_another(
    tmp_path: Path, tiny: dict[str, str]
) -> None:
    """Seconds after its upload, from its text alone, as it comes; the answer says so."""
    with serving(tmp_path / "data", **tiny) as served, Client(served.url()) as client:
        busy = upload(client, recitation_epochs=1000)
        wait_until(lambda: client.get(busy).status == "running", 60)
        document_id = upload(client)
        *pieces, answer = client.ask_streamed(
            document_id, "Who lights the lamp?", memory="if_ready", max_tokens=4
        )
        waiting = client.get(document_id)

    assert isinstance(answer, Answer)
    assert "".join(map(str, pieces)) == answer.answer
    assert (answer.memory, waiting.status) == ("pending", "queued")
    assert answer.evidence
    assert _TEXT[answer.evidence[0].start : answer.evidence[0].end] == answer.evidence[0].text


@pytest.mark.faults
def test_kill_9_while_training_leaves_no_process(tmp_path: Path, tiny: dict[str, str]) -> None:
    """Valkey, worker and trainer die with the server, even if it cannot say goodbye."""
    with serving(tmp_path / "data", **tiny) as served, Client(served.url()) as client:
        document_id = upload(client, recitation_epochs=1000)
        wait_until(lambda: client.get(document_id).stage == "train", 60)
        assert len(served.survivors()) >= 5
        served.process.kill()

        wait_until(lambda: served.survivors() == [], 60)


def test_server_refuses_a_second_and_stops_on_sigterm(tmp_path: Path, tiny: dict[str, str]) -> None:
    """A folder and a port in use are told in one line each; the first server does not mind."""
    data_dir = tmp_path / "data"
    with serving(data_dir, **tiny) as first:
        port = first.url().rpartition(":")[2]
        with serving(data_dir, **tiny) as same_folder:
            assert same_folder.process.wait(60) == 1
        with serving(tmp_path / "other", "--port", port, **tiny) as same_port:
            assert same_port.process.wait(60) == 1
        first.process.send_signal(signal.SIGTERM)
        assert_nothing_is_left(first, data_dir)

    assert _last_line(same_folder) == (
        f"lift: another lift serve is using {data_dir}; stop it, or name another folder "
        "with --data-dir"
    )
    assert _last_line(same_port) == (
        f"lift: port {port} on 127.0.0.1 is in use; name another with --port, "
        "or 0 for any that is free"
    )


@pytest.mark.exhaustive
def test_each_kind_of_memory_goes_the_whole_way(tmp_path: Path, tiny: dict[str, str]) -> None:
    """One server lifts with every kind and answers from each; only Gated Memory has a share."""
    with serving(tmp_path / "data", **tiny) as served, Client(served.url()) as client:
        documents = {
            kind: upload(client, memory_kind=kind, lora_rank=4)
            for kind in ("lora", "pissa", "gated-memory")
        }
        ended = {
            kind: list(client.follow(document_id, every_seconds=0.2))[-1]
            for kind, document_id in documents.items()
        }
        shares = {
            kind: client.ask(document_id, "Who lights the lamp?", max_tokens=4).memory_share
            for kind, document_id in documents.items()
        }

    assert {kind: document.status for kind, document in ended.items()} == dict.fromkeys(
        documents, "ready"
    )
    assert [shares["lora"], shares["pissa"]] == [None, None]
    assert shares["gated-memory"]


def _last_line(served: Served) -> str:
    assert "Traceback" not in served.log
    return served.log.splitlines()[-1]
