"""The package `openai`, as its users call it, against a server that asks for keys."""

import asyncio
from collections.abc import Iterator

import openai
import pytest
from fastapi import FastAPI
from openai import AsyncOpenAI, OpenAI

from app.db import Database
from app.engine.errors import EngineFailedError, QuestionTooLongError
from app.main import create_app
from app.settings import Settings
from app.storage import Store
from tests.app.keyed import make_key
from tests.app.live import Live
from tests.fakes import FakeAnswerer
from tests.rows import add_document, make_ready, queue_job

MESSAGES = [{"role": "user", "content": "Who?"}]
SAID = "Who? in 9 characters"


@pytest.fixture
def live_app(api_settings: Settings, answerer: FakeAnswerer, valkey_url: str) -> FastAPI:
    """A server that asks for keys and counts requests."""
    update = {"auth": "keys", "broker_url": valkey_url}
    return create_app(api_settings.model_copy(update=update), lambda _: answerer)


@pytest.fixture
def secret(database: Database) -> str:
    """The key of somebody who may ask."""
    return make_key(database, owner="ann", scopes={"read"}).secret


@pytest.fixture
def official(live: Live, secret: str) -> Iterator[OpenAI]:
    """The package's client, which asks once only."""
    with OpenAI(base_url=f"{live.url}/v1", api_key=secret, max_retries=0) as official:
        yield official


@pytest.fixture
def model(database: Database, store: Store) -> str:
    """A model of the key's owner."""
    with database.writing() as session:
        document_id = add_document(session, owner="ann").id
        queue_job(session, document_id)
    make_ready(database, store, document_id)
    return document_id


def test_models_are_listed_and_retrieved(official: OpenAI, model: str) -> None:
    """The list is the package's page, and one model equals its entry."""
    listed = list(official.models.list())

    assert [each.id for each in listed] == [model]
    assert official.models.retrieve(model) == listed[0]
    assert (listed[0].owned_by, listed[0].object) == ("ann", "model")


def test_completion_is_parsed(official: OpenAI, model: str) -> None:
    """Text, usage, ending and what `lift` adds are where its users look for them."""
    completion = official.chat.completions.create(
        model=model,
        messages=MESSAGES,
        temperature=0.5,
        seed=1,
        stop=["END"],
        max_completion_tokens=20,
        extra_body={"lift": {"memory": "required"}},
    )

    assert completion.choices[0].message.content == SAID
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage
    assert completion.usage.total_tokens == 24
    assert completion.model_extra
    assert completion.model_extra["lift"]["memory_share"] == 0.25
    assert completion._request_id


def test_stream_is_parsed(official: OpenAI, model: str) -> None:
    """Deltas make the text; the last chunk has the usage, the one before it the details."""
    stream = official.chat.completions.create(
        model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    assert "".join(each.choices[0].delta.content or "" for each in chunks[:-1]) == SAID
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 4
    assert chunks[-2].model_extra
    assert chunks[-2].model_extra["lift"]["memory"] == "used"


def test_stream_helper_accumulates(official: OpenAI, model: str) -> None:
    """The package's own accumulator ends with the whole completion."""
    with official.chat.completions.stream(model=model, messages=MESSAGES) as stream:
        stream.until_done()
        completion = stream.get_final_completion()

    assert completion.choices[0].message.content == SAID


def test_logprobs_are_parsed(official: OpenAI, model: str) -> None:
    """Tokens with their alternatives are typed values."""
    completion = official.chat.completions.create(
        model=model, messages=MESSAGES, logprobs=True, top_logprobs=2
    )

    logprobs = completion.choices[0].logprobs
    assert logprobs
    assert logprobs.content
    assert bytes(logprobs.content[0].bytes or ()) == b"Who?"
    assert [len(each.top_logprobs) for each in logprobs.content] == [2] * 4


def test_asynchronous_client_gets_the_same(live: Live, secret: str, model: str) -> None:
    """Whole and streamed, with the package's asynchronous client, several at once."""

    async def ask() -> tuple[list[str | None], str]:
        async with AsyncOpenAI(base_url=f"{live.url}/v1", api_key=secret) as official:
            chats = official.chat.completions
            wholes = [chats.create(model=model, messages=MESSAGES) for _ in range(4)]
            answers = await asyncio.gather(*wholes)
            stream = await chats.create(model=model, messages=MESSAGES, stream=True)
            said = [chunk.choices[0].delta.content or "" async for chunk in stream]
        return [each.choices[0].message.content for each in answers], "".join(said)

    assert asyncio.run(ask()) == ([SAID] * 4, SAID)


def test_unknown_model_is_not_found(official: OpenAI, model: str) -> None:
    """The package raises its own error, with our code."""
    with pytest.raises(openai.NotFoundError) as caught:
        official.chat.completions.create(model="gpt-4", messages=MESSAGES)

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_others_model_is_not_found(live: Live, database: Database, model: str) -> None:
    """A key of another owner sees nothing of it."""
    secret = make_key(database, "bob", owner="bob", scopes={"read"}).secret
    with OpenAI(base_url=f"{live.url}/v1", api_key=secret, max_retries=0) as official:
        listed = list(official.models.list())
        with pytest.raises(openai.NotFoundError):
            official.chat.completions.create(model=model, messages=MESSAGES)

    assert listed == []


def test_wrong_key_is_an_authentication_error(live: Live) -> None:
    """The package tells a wrong key from everything else."""
    with (
        OpenAI(base_url=f"{live.url}/v1", api_key="sk-wrong", max_retries=0) as official,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        official.models.list()

    assert caught.value.code == "invalid_api_key"


def test_key_without_the_scope_is_a_permission_error(live: Live, database: Database) -> None:
    """So it does for a key that is meant for something else."""
    secret = make_key(database, "bob", scopes={"write"}).secret
    with (
        OpenAI(base_url=f"{live.url}/v1", api_key=secret, max_retries=0) as official,
        pytest.raises(openai.PermissionDeniedError),
    ):
        official.models.list()


def test_impossible_wish_is_a_bad_request(official: OpenAI, model: str) -> None:
    """The error names the field."""
    with pytest.raises(openai.BadRequestError) as caught:
        official.chat.completions.create(model=model, messages=MESSAGES, n=2)

    assert caught.value.param == "n"


def test_too_many_requests_are_a_rate_limit_error(live: Live, database: Database) -> None:
    """The package would wait as long as the response says, and ask again."""
    limits = {"requests_per_minute": 1}
    secret = make_key(database, "bob", scopes={"read"}, limits=limits).secret
    with OpenAI(base_url=f"{live.url}/v1", api_key=secret, max_retries=0) as official:
        official.models.list()
        with pytest.raises(openai.RateLimitError) as caught:
            official.models.list()

    assert int(caught.value.response.headers["retry-after"]) > 0


def test_too_long_question_is_told_as_such(
    official: OpenAI, model: str, answerer: FakeAnswerer
) -> None:
    """Frameworks look for this code, and shorten the conversation."""
    answerer.error = QuestionTooLongError("90 tokens, room for 70")
    with pytest.raises(openai.BadRequestError) as caught:
        official.chat.completions.create(model=model, messages=MESSAGES)

    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize("stream", [False, True])
def test_failed_engine_is_a_server_error(
    official: OpenAI, model: str, answerer: FakeAnswerer, stream: bool
) -> None:
    """What failed before the first word raises at once, also for a stream."""
    answerer.error = EngineFailedError("no memory left")
    with pytest.raises(openai.InternalServerError) as caught:
        official.chat.completions.create(model=model, messages=MESSAGES, stream=stream)

    assert caught.value.status_code == 503
