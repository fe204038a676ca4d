"""Calls a server with litellm, and prints what came back as one JSON object."""

import asyncio
import json
import os
import sys

import litellm

MODEL = f"openai/{os.environ['LIFT_TEST_MODEL']}"
SERVER = {
    "api_base": os.environ["OPENAI_BASE_URL"],
    "api_key": os.environ["OPENAI_API_KEY"],
    "num_retries": 0,
    "max_retries": 0,
}
litellm.suppress_debug_info = True


def ask(question: str = "Who?", model: str = MODEL, **options: object) -> object:
    """Ask a question."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    return litellm.completion(model=model, messages=messages, **(SERVER | options))


def refused(**options: object) -> str:
    """Return the name of the error that a question with some options raises."""
    try:
        ask(**options)
    except Exception as error:
        return type(error).__name__
    return "nothing"


async def asked() -> tuple[str, str]:
    """Ask asynchronously, whole and streamed."""
    messages = [{"role": "user", "content": "Who?"}]
    whole = await litellm.acompletion(model=MODEL, messages=messages, **SERVER)
    stream = await litellm.acompletion(model=MODEL, messages=messages, stream=True, **SERVER)
    said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    return whole.choices[0].message.content, said


whole = ask(temperature=0.3, seed=1, stop=["END"], max_tokens=100_000)
chunks = list(ask(stream=True, stream_options={"include_usage": True}))
built = litellm.stream_chunk_builder(chunks)
likely = ask(logprobs=True, top_logprobs=1)
acompletion, astream = asyncio.run(asked())
sys.stdout.write(
    json.dumps(
        {
            "completion": whole.choices[0].message.content,
            "usage": whole.usage.total_tokens,
            "finish_reason": whole.choices[0].finish_reason,
            "lift": whole.model_extra["lift"]["memory"],
            "stream": "".join(chunk.choices[0].delta.content or "" for chunk in chunks),
            "built": built.choices[0].message.content,
            "stream_usage": built.usage.total_tokens,
            "acompletion": acompletion,
            "astream": astream,
            "logprobs": len(likely.choices[0].logprobs.content),
            "unknown_model": refused(model="openai/no"),
            "wrong_key": refused(api_key="no"),
            "two_answers": refused(n=2),
            "too_long": refused(question="too long"),
        }
    )
)
