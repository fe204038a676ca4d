"""Answers of several documents at the same time, and the one composed of them, as they come."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, Generic, NamedTuple, TypeVar

from app import answering
from app.answer_streams import Event
from app.answering import Answering
from app.engine.answerer import Ask, Piece, Reply
from app.joint_questions import JointInquiry, naming
from app.joint_views import DocumentAnswer, JointAnswer
from app.question_views import AnswerDelta

Begin = Callable[[Ask], Awaitable[Answering]]
"""Begins an answer, which ends with the response at the latest."""
Told = DocumentAnswer | AnswerDelta | JointAnswer
"""What is told: the last is a JointAnswer."""
_NAMES: dict[type[Told], str] = {
    DocumentAnswer: "document.done",
    AnswerDelta: "answer.delta",
    JointAnswer: "answer.done",
}

T = TypeVar("T")


async def hear_whole(inquiry: JointInquiry, begin: Begin) -> JointAnswer:
    """Wait for all answers; raises what `tell` does."""
    async with aclosing(tell(inquiry, begin)) as told:
        async for each in told:
            if isinstance(each, JointAnswer):
                return each
    raise AssertionError("an answer without an end")


async def tell_events(inquiry: JointInquiry, begin: Begin) -> AsyncGenerator[Event | None]:
    """Tell the same as events, in the order of `tell`."""
    async with aclosing(tell(inquiry, begin)) as told:
        async for each in told:
            yield Event(_NAMES[type(each)], _write(each)) if each else None


async def tell(inquiry: JointInquiry, begin: Begin) -> AsyncGenerator[Told | None]:
    """Tell the documents' answers as each ends, the composed one piece by piece, and then all.

    The first thing told is None, once each document has begun to speak, or was silent for long;
    later ones say that the server is alive. The first failure ends all answers.

    Raises:
        ApiError: what `questions.stream` raises, with the document's name, or nobody listens.
        StoreError: the store cannot be reached.
    """
    documents = [_Document(each.ask, await begin(each.ask)) for each in inquiry.inquiries]
    async with aclosing(_as_they_come([each.begin() for each in documents])) as begun:
        async for _ in begun:
            pass
    yield None
    replies: dict[int, Reply] = {}
    async with aclosing(_as_they_come([each.end() for each in documents])) as ended:
        async for each in ended:
            if each is None:
                yield None
                continue
            replies[each.place] = each.value
            yield inquiry.document_answer(each.place, each.value)
    async with aclosing(
        _compose(inquiry, [replies[place] for place in sorted(replies)], begin)
    ) as told:
        async for said in told:
            yield said


async def _compose(
    inquiry: JointInquiry, replies: Sequence[Reply], begin: Begin
) -> AsyncGenerator[Told | None]:
    ask = inquiry.composing(replies)
    if ask is None:
        if replies[0].text:
            yield AnswerDelta(text=replies[0].text)
        yield inquiry.answer(replies, None)
        return
    composing = await begin(ask)
    while not isinstance(said := await composing.hear(), Reply):
        if said is None or said.text:
            yield AnswerDelta.of(said) if said else None
    yield inquiry.answer(replies, said)


class _Document:
    """What one document answers."""

    def __init__(self, ask: Ask, answering: Answering) -> None:
        self._document_id, self._answering = ask.document_id, answering
        self._first: Piece | Reply | None = None

    async def begin(self) -> None:
        """Hear its first word, or nothing for long."""
        with naming(self._document_id):
            self._first = await self._answering.hear()

    async def end(self) -> Reply:
        """Hear the rest."""
        if isinstance(self._first, Reply):
            return self._first
        with naming(self._document_id):
            _, reply = await self._answering.hear_all()
        return reply


class _Come(NamedTuple, Generic[T]):
    place: int
    value: T


async def _as_they_come(
    coming: Sequence[Coroutine[Any, Any, T]],
) -> AsyncGenerator[_Come[T] | None]:
    """Give what comes with its place, each as it does, and None when nothing comes for long.

    What one of them raises ends all.
    """
    places = {asyncio.create_task(each): place for place, each in enumerate(coming)}
    waiting = set(places)
    try:
        while waiting:
            done, waiting = await asyncio.wait(
                waiting, timeout=answering.SILENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield None
            for task in sorted(done, key=places.__getitem__):
                yield _Come(places[task], task.result())
    finally:
        for task in places:
            task.cancel()
        await asyncio.gather(*places, return_exceptions=True)


def _write(told: Told) -> str:
    no_memory = {"memory_share"} if isinstance(told, AnswerDelta) else None
    return told.model_dump_json(exclude=no_memory)
