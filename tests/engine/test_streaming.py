"""Answers piece by piece: what comes when, and what is left behind when nobody listens."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest
import torch

from app.engine.answerer import (
    AdapterFile,
    Answerer,
    Ask,
    Piece,
    Reply,
    Sampling,
    Speaker,
    Turn,
    collect,
)
from app.engine.batching import BatchingAnswerer
from app.engine.errors import EngineFailedError
from app.lift.prompts import answering_context, question_prompt
from tests.lift.conftest import TEXT
from tests.waiting import wait_until

Making = Callable[..., Ask]


def split(said: Iterator[Piece | Reply]) -> tuple[list[Piece], Reply]:
    """Return an answer's pieces and its reply."""
    *pieces, reply = said
    assert isinstance(reply, Reply)
    return [piece for piece in pieces if isinstance(piece, Piece)], reply


@pytest.fixture
def remembering(adapters: list[AdapterFile], ask: Making) -> Ask:
    """A question on a document with a memory."""
    return ask(adapters[0])


def test_pieces_are_the_reply(any_answerer: Answerer, remembering: Ask) -> None:
    """One for each token; texts joined are the reply's, shares averaged are, too."""
    pieces, reply = split(any_answerer.stream(remembering))

    assert "".join(piece.text for piece in pieces) == reply.text
    assert len(pieces) == reply.completion_tokens == 12
    shares = [piece.memory_share for piece in pieces if piece.memory_share is not None]
    assert reply.memory_share == pytest.approx(sum(shares) / 12)


def test_bare_answers_tell_no_shares(any_answerer: Answerer, ask: Making) -> None:
    """There is no memory to share with."""
    pieces, _ = split(any_answerer.stream(ask(None)))

    assert {piece.memory_share for piece in pieces} == {None}


def test_the_first_piece_comes_before_the_last_is_computed(
    answerer: BatchingAnswerer,
    ask: Making,
) -> None:
    """Nobody waits for the end of an answer to read its beginning."""
    heard = Event()
    passes: list[int] = []

    def wait_for_the_first(*_: object) -> None:
        passes.append(1)
        assert len(passes) == 1 or heard.wait(60)

    layer = answerer._base.model.model.layers[0]
    with layer.register_forward_hook(wait_for_the_first):
        pieces = answerer.stream(ask(None))
        next(pieces)
        heard.set()
        collect(pieces)

    assert len(passes) == 12


def test_closing_ends_the_answer_unplugs_its_memory_and_gives_up_its_turn(
    answerer: BatchingAnswerer,
    remembering: Ask,
    ask: Making,
) -> None:
    """The next question is answered by the bare model, bit for bit."""
    expected = split(answerer.stream(ask(None)))[0]
    pieces = answerer.stream(replace(remembering, max_tokens=10_000))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]

    assert split(answerer.stream(ask(None)))[0] == expected


def test_an_answer_nobody_waits_for_is_ended(answerer: BatchingAnswerer, ask: Making) -> None:
    """Who goes while the model computes is found out soon, and the row is free for others."""
    begun, gone = Event(), Event()
    layer = answerer._base.model.model.layers[0]
    impatient = replace(ask(None, tokens=10_000), is_wanted=lambda: not gone.is_set())
    with (
        layer.register_forward_hook(lambda *_: begun.set()),
        ThreadPoolExecutor(1) as threads,
    ):
        waiting = threads.submit(lambda: collect(answerer.stream(impatient)))
        assert begun.wait(60)
        gone.set()
        with pytest.raises(EngineFailedError, match="nobody waits"):
            waiting.result(60)

    wait_until(lambda: answerer.num_rows == 0, 5)


def test_a_stop_string_ends_the_answer(any_answerer: Answerer, ask: Making) -> None:
    """It is not said itself; the model computes no token behind it."""
    free = collect(any_answerer.stream(ask(None)))
    stop = free.text[4:6]
    pieces, reply = split(any_answerer.stream(replace(ask(None), sampling=Sampling(stop=(stop,)))))

    assert reply.text == "".join(piece.text for piece in pieces) == free.text.partition(stop)[0]
    assert reply.finish_reason == "stop"
    assert reply.completion_tokens < free.completion_tokens


def test_the_same_seed_gives_the_same_answer(any_answerer: Answerer, remembering: Ask) -> None:
    """Another seed gives another one, and temperature 0 is the greedy answer whatever the seed."""

    def text(temperature: float, seed: int) -> str:
        sampling = Sampling(temperature=temperature, seed=seed)
        return collect(any_answerer.stream(replace(remembering, sampling=sampling))).text

    assert text(1.0, 1) == text(1.0, 1) != text(1.0, 2)
    assert text(0.0, 1) == text(0.0, 2) == collect(any_answerer.stream(remembering)).text


def test_log_probabilities_are_the_models(
    answerer: BatchingAnswerer,
    ask: Making,
) -> None:
    """Of the tokens taken and of the likeliest, before temperature; none unless asked for."""
    base, greedy = answerer._base, replace(ask(None), num_logprobs=3)
    pieces, _ = split(answerer.stream(greedy))
    context = answering_context(base, base.tokenize(TEXT), greedy.method.context_tokens)
    prompt = question_prompt(base, context, greedy.question).ids
    expected = base.model(torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
    first = pieces[0]

    assert first.token == first.likeliest[0]
    assert first.token is not None
    assert first.token.token == base.tokenizer.decode([int(expected.argmax())])
    assert [each.logprob for each in first.likeliest] == pytest.approx(
        expected.topk(3).values.tolist(), abs=1e-4
    )
    assert split(answerer.stream(ask(None)))[0][0].token is None


def test_log_probabilities_can_be_told_of_the_taken_token_alone(
    any_answerer: Answerer,
    ask: Making,
) -> None:
    """Temperature changes what is taken, not how likely it was said to be."""
    warm = replace(ask(None), num_logprobs=0, sampling=Sampling(temperature=2.0, seed=1))
    pieces, _ = split(any_answerer.stream(warm))

    assert all(piece.token and piece.token.logprob <= 0 for piece in pieces)
    assert {piece.likeliest for piece in pieces} == {()}


def test_dropped_turns_are_counted(any_answerer: Answerer, ask: Making) -> None:
    """A conversation longer than the window loses its oldest turns, and the reply says how many."""
    method = replace(ask(None).method, window_tokens=600)
    exchange = (Turn(Speaker.USER, "Who?"), Turn(Speaker.ASSISTANT, "She. " * 10))
    reply = collect(any_answerer.stream(replace(ask(None), method=method, history=exchange * 4)))

    assert reply.num_dropped_turns in (2, 4, 6)
    assert reply.prompt_tokens <= 600
