"""Calls a server with langchain-openai, and prints what came back as one JSON object."""

import asyncio
import json
import os
import sys

import openai
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

MODEL = os.environ["LIFT_TEST_MODEL"]
llm = ChatOpenAI(model=MODEL, temperature=0.2, max_retries=0)
conversation = [
    SystemMessage("Be brief."),
    HumanMessage("Hello."),
    AIMessage("Hello!"),
    HumanMessage([{"type": "text", "text": "Who?"}]),
]


def refused(action: object) -> str:
    """Return the name of the error that an action raises."""
    try:
        action()
    except openai.APIError as error:
        return type(error).__name__
    return "nothing"


async def asked() -> tuple[str, str]:
    """Ask asynchronously, whole and streamed."""
    whole = await llm.ainvoke("Who?")
    return whole.content, "".join([chunk.content async for chunk in llm.astream("Who?")])


whole = llm.invoke("Who?")
chunks = list(llm.stream("Who?", stream_usage=True))
sum_of_chunks = chunks[0]
for chunk in chunks[1:]:
    sum_of_chunks += chunk
likely = llm.bind(logprobs=True, top_logprobs=1).invoke("Who?")
ainvoke, astream = asyncio.run(asked())
sys.stdout.write(
    json.dumps(
        {
            "invoke": whole.content,
            "usage": whole.usage_metadata["total_tokens"],
            "finish_reason": whole.response_metadata["finish_reason"],
            "conversation": llm.invoke(conversation).content,
            "stream": "".join(chunk.content for chunk in chunks),
            "stream_usage": sum_of_chunks.usage_metadata["total_tokens"],
            "batch": [each.content for each in llm.batch(["Who?", "Why?", "When?"])],
            "ainvoke": ainvoke,
            "astream": astream,
            "logprobs": len(likely.response_metadata["logprobs"]["content"]),
            "unknown_model": refused(lambda: ChatOpenAI(model="no", max_retries=0).invoke("Who?")),
            "wrong_key": refused(lambda: ChatOpenAI(model=MODEL, api_key="no").invoke("Who?")),
            "two_answers": refused(lambda: llm.bind(n=2).invoke("Who?")),
            "too_long": refused(lambda: llm.invoke("too long")),
            "tools": refused(lambda: llm.bind_tools([{"name": "f", "parameters": {}}]).invoke("?")),
        }
    )
)
