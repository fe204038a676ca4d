"""From a chat to the question that the service answers: messages, sampling, and the document."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from pydantic import ValidationError

from app import errors, questions
from app.engine.answerer import Sampling, Speaker, Turn
from app.openai.errors import InvalidMessagesError, ModelNotFoundError
from app.openai.requests import ChatMessage, ChatRequest
from app.question_views import LONGEST_WORDS, HistoryTurn, Question
from app.questions import Inquiry
from app.services import Services

_DEFAULT_TOKENS = 512
_MOST_TURNS = 200  # of which the window holds few
_SMALLEST_SHARE = 1e-9
"""Of probability: what leaves the likeliest token alone, as 0 is meant to."""
_INSTRUCTIONS = ("system", "developer")


class Conversation(NamedTuple):
    """Messages, told apart."""

    system: str | None
    """All instructions, wherever they stood."""
    history: tuple[Turn, ...]
    """Speakers take turns in it."""
    question: str


def prepare(services: Services, owner: str, request: ChatRequest) -> Inquiry:
    """Gather what the engine needs.

    Raises:
        ModelNotFoundError: the owner has no such document, or its memory is not ready.
        InvalidMessagesError: the user does not speak last.
    """
    conversation = read_conversation(request.messages)
    try:
        question = _question(request, conversation, services.settings.max_answer_tokens)
        inquiry = questions.prepare(services, owner, request.model, question)
    except (
        errors.DocumentNotFoundError,
        errors.DocumentNotReadyError,
        errors.DocumentFailedError,
        errors.DocumentCancelledError,
    ) as error:
        raise no_model(request.model, error) from error
    ask = replace(
        inquiry.ask,
        system=conversation.system,
        sampling=_sampling(request),
        num_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
    )
    return replace(inquiry, ask=ask)


def read_conversation(messages: Sequence[ChatMessage]) -> Conversation:
    """Tell instructions, earlier turns and the question apart.

    Empty messages say nothing, and neither does an assistant who spoke before anybody asked.

    Raises:
        InvalidMessagesError: the user does not speak last.
    """
    system = "\n\n".join(each.content for each in messages if each.role in _INSTRUCTIONS)
    spoken = [each for each in messages if each.role not in _INSTRUCTIONS and each.content.strip()]
    turns = [
        Turn(Speaker(role), "\n\n".join(message.content for message in said))
        for role, said in groupby(spoken, key=attrgetter("role"))
    ]
    if not turns or turns[-1].speaker is not Speaker.USER:
        raise InvalidMessagesError
    first = 0 if turns[0].speaker is Speaker.USER else 1
    return Conversation(system.strip() or None, tuple(turns[first:-1]), turns[-1].text)


def no_model(model_id: str, reason: errors.ApiError) -> ModelNotFoundError:
    """Say that a document is no model, and why not."""
    return ModelNotFoundError(
        f"the model {model_id!r} is not available: {reason.detail}", param="model"
    )


def _question(request: ChatRequest, conversation: Conversation, most_tokens: int) -> Question:
    wanted_tokens = request.max_completion_tokens or request.max_tokens or _DEFAULT_TOKENS
    turns = conversation.history[-_MOST_TURNS:]
    try:
        return Question(
            question=conversation.question,
            history=[HistoryTurn(role=turn.speaker, content=turn.text) for turn in turns],
            max_tokens=min(wanted_tokens, most_tokens),
            **request.lift.model_dump(),
        )
    except ValidationError as error:  # of what is asked, this alone was not looked at before
        raise errors.QuestionTooLongError(
            f"a message may have {LONGEST_WORDS} characters", param="messages"
        ) from error


def _sampling(request: ChatRequest) -> Sampling:
    top_p = 1.0 if request.top_p is None else request.top_p
    return Sampling(
        temperature=request.temperature or 0.0,
        top_p=max(top_p, _SMALLEST_SHARE),
        seed=request.seed,
        stop=tuple(request.stop or ()),
    )
