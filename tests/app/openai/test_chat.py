"""`POST /v1/chat/completions` without a stream: what the engine is asked, and what comes back."""

import math
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.engine.answerer import Context, Sampling, Speaker, TokenLogprob, Turn
from app.openai.likelihoods import Likelihood
from tests.app.openai.conftest import USER, Chat
from tests.fakes import FakeAnswerer


def test_answer_has_openais_shape(chat: Chat, model: str) -> None:
    """All that OpenAI's clients look for is there, and `lift` says how the answer came about."""
    body = chat().json()

    assert body.pop("id").startswith("chatcmpl-")
    assert isinstance(body.pop("created"), int)
    lift = body.pop("lift")
    assert (lift["memory"], lift["memory_share"]) == ("used", 0.25)
    assert body == {
        "object": "chat.completion",
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Who? in 9 characters",
                    "refusal": None,
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24},
        "system_fingerprint": "0",
    }


def test_unset_fields_are_the_services_defaults(chat: Chat, answerer: FakeAnswerer) -> None:
    """Greedy, of the server's length, with the memory: what the service's own door does, too."""
    chat()

    (asked,) = answerer.asks
    assert (asked.sampling, asked.max_tokens, asked.num_logprobs) == (Sampling(), 512, None)
    assert (asked.history, asked.system, asked.question) == ((), None, "Who?")
    assert asked.adapter is not None


def test_sampling_reaches_the_engine(chat: Chat, answerer: FakeAnswerer) -> None:
    """Temperature, top-p, seed, stop strings and length are the request's."""
    chat(temperature=0.7, top_p=0.9, seed=-3, stop=["\n", "END"], max_tokens=9)

    (asked,) = answerer.asks
    assert asked.sampling == Sampling(0.7, 0.9, -3, ("\n", "END"))
    assert asked.max_tokens == 9


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"max_completion_tokens": 7}, 7),
        ({"max_completion_tokens": 7, "max_tokens": 9}, 7),
        ({"max_tokens": 100_000}, 512),
        ({"max_tokens": None}, 512),
    ],
)
def test_length_is_capped_by_the_server(
    chat: Chat, answerer: FakeAnswerer, fields: dict[str, Any], tokens: int
) -> None:
    """Clients name lengths for far larger models: more than the server's is the server's."""
    assert chat(**fields).status_code == 200
    assert answerer.asks[0].max_tokens == tokens


def test_one_stop_string_needs_no_list(chat: Chat, answerer: FakeAnswerer) -> None:
    """A string alone is a list of one."""
    chat(stop="END")

    assert answerer.asks[0].sampling.stop == ("END",)


def test_messages_become_instructions_history_and_question(
    chat: Chat, answerer: FakeAnswerer
) -> None:
    """Instructions go before everything, turns alternate, and what the user says last is asked."""
    chat(
        messages=[
            {"role": "assistant", "content": "Hello, what can I do?"},
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One."},
            {"role": "user", "content": [{"type": "text", "text": "Two."}]},
            {"role": "assistant", "content": "Three."},
            {"role": "assistant", "content": None},
            {"role": "developer", "content": "Be kind."},
            {
                "role": "user",
                "name": "Ann",
                "content": [
                    {"type": "text", "text": "Four"},
                    {"type": "text", "text": "and five?"},
                ],
            },
        ]
    )

    (asked,) = answerer.asks
    assert asked.system == "Be brief.\n\nBe kind."
    assert asked.history == (Turn(Speaker.USER, "One.\n\nTwo."), Turn(Speaker.ASSISTANT, "Three."))
    assert asked.question == "Four\nand five?"


def test_logprobs_are_told_token_by_token(chat: Chat) -> None:
    """Each token comes with its bytes, its log-probability and the likeliest in its place."""
    content = chat(logprobs=True, top_logprobs=2).json()["choices"][0]["logprobs"]["content"]

    assert "".join(each["token"] for each in content) == "Who? in 9 characters"
    assert content[1] == {
        "token": " in",
        "logprob": -0.5,
        "bytes": [32, 105, 110],
        "top_logprobs": [
            {"token": " in", "logprob": -0.5, "bytes": [32, 105, 110]},
            {"token": " other", "logprob": -1.5, "bytes": [32, 111, 116, 104, 101, 114]},
        ],
    }


def test_logprobs_without_others_name_the_chosen_token_only(chat: Chat) -> None:
    """Without `top_logprobs` nothing is told of other tokens."""
    content = chat(logprobs=True).json()["choices"][0]["logprobs"]["content"]

    assert [each["top_logprobs"] for each in content] == [[]] * 4


def test_impossible_token_has_a_finite_logprob() -> None:
    """JSON has no infinity, and half a character no bytes of its own."""
    shown = Likelihood.of(TokenLogprob("\N{REPLACEMENT CHARACTER}", -math.inf))

    assert (shown.logprob, shown.bytes) == (-9999.0, None)


def test_memory_can_be_left_out(chat: Chat, answerer: FakeAnswerer) -> None:
    """`lift.memory` is the service's own option, and the answer says that it was obeyed."""
    body = chat(lift={"memory": "off"}).json()

    assert answerer.asks[0].adapter is None
    assert (body["lift"]["memory"], body["lift"]["memory_share"]) == ("off", None)


def test_memory_that_is_wanted_if_ready_is_not_waited_for(
    client: TestClient, document_id: str
) -> None:
    """A document that is trained still answers from its passages, if that is wished for."""
    lift = {"memory": "if_ready"}
    body = {"model": document_id, "messages": [USER], "lift": lift}
    response = client.post("/v1/chat/completions", json=body)

    assert response.status_code == 200
    assert response.json()["lift"]["memory"] == "pending"
    assert response.json()["lift"]["adapter_version"] is None


def test_context_and_evidence_are_the_services(
    chat: Chat, client: TestClient, answerer: FakeAnswerer, model: str
) -> None:
    """What is found for the question, and what of the text is shown, is as at the other door."""
    question = "What about its text?"
    messages = [{"role": "user", "content": question}]
    lift = chat(messages=messages, lift={"context": "retrieved"}).json()["lift"]
    other = {"question": question, "context": "retrieved"}
    answer = client.post(f"/documents/{model}/ask", json=other).json()

    shared = {name: answer[name] for name in lift.keys() & answer.keys()}
    assert lift == shared | {"dropped_turns": 0}
    assert lift["evidence"][0]["text"] == "Its text."
    assert [asked.context for asked in answerer.asks] == [Context.RETRIEVED] * 2
    assert answerer.asks[0].passages == answerer.asks[1].passages != ()


def test_evidence_can_be_left_out(chat: Chat) -> None:
    """Whoever does not show it need not have it looked for."""
    assert chat(lift={"evidence": False}).json()["lift"]["evidence"] is None


def test_no_share_of_probability_leaves_the_likeliest_token(
    chat: Chat, answerer: FakeAnswerer
) -> None:
    """OpenAI allows a top-p of 0; the engine draws from at least one token."""
    chat(top_p=0, temperature=1)

    assert 0 < answerer.asks[0].sampling.top_p < 1e-6


def test_long_conversation_keeps_its_newest_turns(chat: Chat, answerer: FakeAnswerer) -> None:
    """More turns than any window holds are no error."""
    turns = [
        {"role": role, "content": f"{role} {number}"}
        for number in range(150)
        for role in ("user", "assistant")
    ]

    assert chat(messages=[*turns, USER]).status_code == 200
    history = answerer.asks[0].history
    assert (len(history), history[-1].text) == (200, "assistant 149")


def test_fields_of_other_servers_are_ignored(chat: Chat) -> None:
    """What clients send by habit does no harm."""
    response = chat(
        n=1,
        user="ann",
        tools=[],
        functions=None,
        tool_choice="none",
        frequency_penalty=0.5,
        logit_bias={},
        response_format={"type": "text"},
        modalities=["text"],
        metadata={"task": "title_generation"},
        stream=False,
        stream_options={"include_usage": True},
        keep_alive="5m",
    )

    assert response.status_code == 200
