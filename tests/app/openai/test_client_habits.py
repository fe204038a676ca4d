"""How chat front ends call: what they send besides the question, and what they read of the answer.

Written after the public sources of Open WebUI and AnythingLLM; no code of theirs.
"""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.storage import Store, text_key
from tests.app.live import Live
from tests.fakes import FakeAnswerer

README = Path(__file__).parents[3] / "README.md"
KEY = {"Authorization": "Bearer anything", "Content-Type": "application/json"}
TITLE = '### Task:\nGenerate a concise title.\n### Output:\nJSON format: { "title": "…" }'
TAGS = '### Task:\nGenerate 1-3 broad tags.\n### Output:\nJSON format: { "tags": ["tag1"] }'


def post(http: httpx.Client, base: str, **body: Any) -> httpx.Response:
    return http.post(f"{base}/chat/completions", content=json.dumps(body), headers=KEY)


def deltas(response: httpx.Response) -> list[dict[str, Any]]:
    """Read a stream by lines, as browsers do, and index the first choice of every chunk."""
    lines = [line for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line[6:])["choices"][0] for line in lines]


@pytest.mark.parametrize("base", ["/v1", "/v1/"])
def test_open_webui_starts_chats_and_names_the_chat(
    http: httpx.Client, live_model: str, answerer: FakeAnswerer, base: str
) -> None:
    """From the connection's check to the tags of a chat, whatever the base address ends in."""
    checked = http.get(f"{base}/models", headers=KEY, follow_redirects=False)
    shown = {each["id"]: each["name"] for each in checked.json()["data"]}
    system = {"role": "system", "content": "You are helpful."}
    user = {"role": "user", "content": "Who?"}
    chatted = post(
        http,
        base,
        stream=True,
        model=live_model,
        messages=[system, user],
        temperature=0.8,
        top_p=0.9,
        frequency_penalty=0.2,
        max_tokens=4096,
        seed=0,
        stop=["###"],
    )
    turns = [user, {"role": "assistant", "content": "I."}, {"role": "user", "content": "Why?"}]
    went_on = post(http, base, stream=True, model=live_model, messages=turns)
    tasks = [
        post(
            http,
            base,
            model=live_model,
            messages=[{"role": "user", "content": prompt}],
            stream=False,
            max_completion_tokens=1000,
            metadata={"task": "title_generation", "chat_id": "1"},
        )
        for prompt in (TITLE, TAGS)
    ]

    assert shown == {live_model: "x"}
    for answer in (chatted, went_on):
        said = [choice["delta"].get("content", "") for choice in deltas(answer)]
        assert "".join(said).endswith("in 9 characters")
    assert [task.json()["choices"][0]["message"]["role"] for task in tasks] == ["assistant"] * 2
    assert [len(asked.history) for asked in answerer.asks] == [0, 2, 0, 0]


def test_open_webui_shows_a_wrong_key_or_model(http: httpx.Client, live_model: str) -> None:
    """It prints `error` of a refusal, whatever the status."""
    refused = post(http, "/v1", model="gone", messages=[{"role": "user", "content": "Who?"}])

    assert refused.status_code == 404
    assert "gone" in refused.json()["error"]["message"]


def test_anything_llm_compares_answers(http: httpx.Client, live_model: str) -> None:
    """It lists the models, asks whole and streamed, and takes the first choice of every chunk."""
    listed = http.get("/v1/models", headers=KEY).json()
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "Who?"},
    ]
    whole = post(http, "/v1", model=live_model, messages=messages)
    streamed = post(http, "/v1", model=live_model, messages=messages, stream=True, temperature=0.7)

    assert [each["id"] for each in listed["data"]] == [live_model]
    said = "".join(choice["delta"].get("content", "") for choice in deltas(streamed))
    assert said == whole.json()["choices"][0]["message"]["content"]
    assert deltas(streamed)[-1]["finish_reason"] == "stop"


def test_readmes_example_runs(
    live: Live, live_model: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever copies it gets an answer, word by word, and where it came from."""
    store.put(text_key(live_model), BytesIO(b"Letters are sealed."))
    section = README.read_text().split("## OpenAI clients")[1]
    example = section.split("```python\n")[1].split("```")[0]

    exec(example.replace("http://127.0.0.1:8000", live.url), {})

    assert (
        capsys.readouterr().out
        == "What are letters sealed with? in 19 charactersused ['Letters are sealed.']\n"
    )
