"""One resident model, many documents' memories."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import torch

from app.engine.answerer import AdapterFile, Answerer, Ask, collect
from app.engine.batching import BatchingAnswerer
from app.engine.errors import EngineFailedError, QuestionTooLongError, UnusableAdapterError
from app.lift.config import MethodConfig
from app.lift.generation import generate
from app.lift.prompts import answering_context, question_prompt
from tests.engine.conftest import QUESTION, path_of
from tests.lift.conftest import TEXT
from tests.tiny import tiny_base


def test_swapping_back_gives_the_identical_answer(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Callable[..., Ask]
) -> None:
    """A, B, A: each answers from its own memory, and A's second answer is its first."""
    first, between, again = (
        collect(any_answerer.stream(ask(adapter)))
        for adapter in (adapters[0], adapters[1], adapters[0])
    )

    assert (again.text, again.memory_share) == (first.text, first.memory_share)
    assert (between.text, between.memory_share) != (first.text, first.memory_share)


def test_without_memory_the_bare_model_answers(
    any_answerer: Answerer,
    adapters: list[AdapterFile],
    ask: Callable[..., Ask],
    small: MethodConfig,
) -> None:
    """Memory off is the base model token for token, also right after a memory was plugged in."""
    base = tiny_base()
    context = answering_context(base, base.tokenize(TEXT), small.context_tokens)
    prompt = question_prompt(base, context, QUESTION).ids
    expected = base.tokenizer.decode(generate(base, [prompt], 12)[0]).strip()
    collect(any_answerer.stream(ask(adapters[0])))
    reply = collect(any_answerer.stream(ask(None)))

    assert reply.text == expected
    assert reply.memory_share is None


def test_a_damaged_adapter_is_refused_and_others_answer(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Callable[..., Ask]
) -> None:
    """The broken file is named; the other document is not touched by it."""
    before = collect(any_answerer.stream(ask(adapters[1])))
    path_of(adapters[0]).write_bytes(path_of(adapters[0]).read_bytes()[:-3])
    with pytest.raises(UnusableAdapterError, match=r"1\.safetensors is damaged"):
        collect(any_answerer.stream(ask(adapters[0])))

    assert collect(any_answerer.stream(ask(adapters[1]))).text == before.text


def test_a_mended_adapter_is_used_again(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Callable[..., Ask]
) -> None:
    """A refusal is not remembered."""
    content = path_of(adapters[0]).read_bytes()
    path_of(adapters[0]).write_bytes(b"")
    with pytest.raises(UnusableAdapterError):
        collect(any_answerer.stream(ask(adapters[0])))
    path_of(adapters[0]).write_bytes(content)

    assert collect(any_answerer.stream(ask(adapters[0]))).memory_share is not None


def test_a_question_longer_than_the_window_is_refused(
    any_answerer: Answerer, ask: Callable[..., Ask]
) -> None:
    """The message gives both lengths."""
    with pytest.raises(QuestionTooLongError, match=r"takes \d+ tokens .* holds 240"):
        collect(any_answerer.stream(ask(question="why? " * 100)))


def test_a_long_question_shortens_the_context(
    any_answerer: Answerer, ask: Callable[..., Ask]
) -> None:
    """The prompt never exceeds the window; the question has priority."""
    reply = collect(any_answerer.stream(ask(question="why? " * 18)))

    assert reply.prompt_tokens <= 240


def test_max_tokens_bounds_the_answer(any_answerer: Answerer, ask: Callable[..., Ask]) -> None:
    """An answer that is cut says so."""
    reply = collect(any_answerer.stream(ask(tokens=3)))

    assert (reply.completion_tokens, reply.finish_reason) == (3, "length")


def test_a_deleted_document_is_read_anew(
    any_answerer: Answerer,
    small: MethodConfig,
) -> None:
    """Tokens are kept between questions, and dropped when told to forget."""
    reads: list[str] = []

    def read() -> str:
        reads.append(TEXT)
        return TEXT

    question = Ask(QUESTION, "doc", read, small, None, 1)
    collect(any_answerer.stream(question))
    collect(any_answerer.stream(question))
    assert len(reads) == 1
    any_answerer.forget("doc")
    collect(any_answerer.stream(question))

    assert len(reads) == 2


def test_a_document_trained_anew_answers_from_its_new_memory(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Callable[..., Ask]
) -> None:
    """The same document with another adapter never meets the old memory."""
    old = collect(any_answerer.stream(ask(adapters[0])))
    alone = collect(any_answerer.stream(ask(adapters[1])))
    new = collect(any_answerer.stream(replace(ask(adapters[0]), adapter=adapters[1])))

    assert new.text == alone.text != old.text


def test_a_deleted_document_leaves_no_memory_behind(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Callable[..., Ask]
) -> None:
    """After forgetting, a question needs the file again."""
    collect(any_answerer.stream(ask(adapters[0])))
    path_of(adapters[0]).unlink()
    collect(any_answerer.stream(ask(adapters[0])))
    any_answerer.forget(path_of(adapters[0]).stem)
    with pytest.raises(UnusableAdapterError, match="is missing"):
        collect(any_answerer.stream(ask(adapters[0])))


def test_nobody_waits_for_an_adapter_that_is_on_its_way(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Callable[..., Ask]
) -> None:
    """While one document's file is brought here, another document answers."""
    coming, arrived = Event(), Event()

    @contextmanager
    def slowly() -> Iterator[Path]:
        coming.set()
        assert arrived.wait(60)
        yield path_of(adapters[0])

    slow = replace(ask(adapters[0]), adapter=AdapterFile(slowly, adapters[0].sha256))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: collect(any_answerer.stream(slow)))
        assert coming.wait(60)
        other = collect(any_answerer.stream(ask(adapters[1])))
        arrived.set()

        assert other.memory_share is not None
        assert waiting.result().memory_share is not None


def test_a_kept_memory_asks_for_no_file(
    any_answerer: Answerer, adapters: list[AdapterFile], ask: Callable[..., Ask]
) -> None:
    """The second question on a document reads nothing from the store."""
    fetches: list[int] = []

    def fetch() -> nullcontext[Path]:
        fetches.append(1)
        return nullcontext(path_of(adapters[0]))

    counted = replace(ask(adapters[0]), adapter=AdapterFile(fetch, adapters[0].sha256))
    collect(any_answerer.stream(counted))
    first = len(fetches)
    collect(any_answerer.stream(counted))

    assert len(fetches) == first > 0


def test_forgetting_while_the_text_is_read_keeps_nothing(
    any_answerer: Answerer,
    small: MethodConfig,
) -> None:
    """A document that is deleted under an answer's hands is not kept afterwards."""
    reads: list[str] = []

    def read() -> str:
        reads.append(TEXT)
        any_answerer.forget("doc")
        return TEXT

    question = Ask(QUESTION, "doc", read, small, None, 1)
    collect(any_answerer.stream(question))
    collect(any_answerer.stream(question))

    assert len(reads) == 2


def test_closing_ends_the_running_answer_and_refuses_the_waiting(
    answerer: BatchingAnswerer,
    small: MethodConfig,
) -> None:
    """A stopping server does not work through its queue first."""
    reading = Event()

    def read() -> str:
        reading.set()
        return TEXT

    def ask_long() -> str:
        with pytest.raises(EngineFailedError, match="the server is stopping") as caught:
            collect(answerer.stream(Ask(QUESTION, "doc", read, small, None, 16_000)))
        return str(caught.value)

    with ThreadPoolExecutor() as threads:
        told = [threads.submit(ask_long) for _ in range(3)]
        assert reading.wait(60)
        answerer.close()

        assert len([each.result(60) for each in told]) == 3


def test_a_failing_model_is_told_and_answers_again(
    answerer: BatchingAnswerer, ask: Callable[..., Ask]
) -> None:
    """What torch raises, such as lack of memory, is the engine's failure and not for ever."""

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    layer = answerer._base.model.model.layers[0]
    with layer.register_forward_pre_hook(fail), pytest.raises(EngineFailedError, match="memory"):
        collect(answerer.stream(ask()))

    assert collect(answerer.stream(ask())).completion_tokens == 12
