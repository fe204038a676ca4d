"""langchain-openai and litellm, in an environment and processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.db import Database
from app.engine.answerer import Ask, Piece, Reply
from app.engine.errors import QuestionTooLongError
from app.main import create_app
from app.settings import Settings
from app.storage import Store
from tests.app.keyed import make_key
from tests.app.live import live_server
from tests.fakes import FakeAnswerer
from tests.rows import add_document, make_ready, queue_job

pytestmark = pytest.mark.contract
_PYTHON = Path(sys.prefix) / "openai-clients" / "bin" / "python"
_SCRIPTS = Path(__file__).parent / "openai_clients"


class Reader(FakeAnswerer):
    """Finds one question too long."""

    def stream(self, ask: Ask) -> Iterator[Piece | Reply]:
        if ask.question == "too long":
            raise QuestionTooLongError("90 tokens, room for 70")
        yield from super().stream(ask)


@pytest.fixture
def environment(sqlite: Database, store: Store, settings: Settings) -> Iterator[dict[str, str]]:
    """What a client needs to find a server, its key and a model on it."""
    if not _PYTHON.exists():
        pytest.skip("the clients are not installed: `make contract` does it")
    with sqlite.writing() as session:
        model = add_document(session, owner="ann").id
        queue_job(session, model)
    make_ready(sqlite, store, model)
    key = make_key(sqlite, owner="ann", scopes={"read"}).secret
    app = create_app(settings.model_copy(update={"auth": "keys"}), lambda _: Reader())
    with live_server(app) as live:
        yield {
            "PATH": os.environ["PATH"],
            "OPENAI_BASE_URL": f"{live.url}/v1",
            "OPENAI_API_KEY": key,
            "LIFT_TEST_MODEL": model,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it fetches prices otherwise
            "LANGSMITH_TRACING": "false",
        }


def run(script: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run a client; returns what it got."""
    command = [_PYTHON, _SCRIPTS / script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    got: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return got


def test_langchain_gets_its_answers(environment: dict[str, str]) -> None:
    """Invoke, stream and batch, with their asynchronous twins; refusals have its own names."""
    said = "Who? in 9 characters"

    assert run("with_langchain.py", environment) == {
        "invoke": said,
        "usage": 24,
        "finish_reason": "stop",
        "conversation": said,
        "stream": said,
        "stream_usage": 24,
        "batch": [f"{question} in 9 characters" for question in ("Who?", "Why?", "When?")],
        "ainvoke": said,
        "astream": said,
        "logprobs": 4,
        "unknown_model": "OpenAIModelNotFoundError",
        "wrong_key": "OpenAIAuthenticationError",
        "two_answers": "OpenAIInvalidRequestError",
        "too_long": "OpenAIContextOverflowError",
        "tools": "OpenAIInvalidRequestError",
    }


def test_litellm_gets_its_answers(environment: dict[str, str]) -> None:
    """Whole and streamed, with their asynchronous twins; refusals are told apart."""
    said = "Who? in 9 characters"

    assert run("with_litellm.py", environment) == {
        "completion": said,
        "usage": 24,
        "finish_reason": "stop",
        "lift": "used",
        "stream": said,
        "built": said,
        "stream_usage": 24,
        "acompletion": said,
        "astream": said,
        "logprobs": 4,
        "unknown_model": "NotFoundError",
        "wrong_key": "AuthenticationError",
        "two_answers": "BadRequestError",
        "too_long": "ContextWindowExceededError",
    }
