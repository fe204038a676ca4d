"""What prompts show of a document."""

from dataclasses import replace

import pytest

from app.engine.answerer import Ask
from app.engine.prompting import show
from app.evaluation.contexts import OpenDocument, no_context, retrieved, truncated, whole
from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.prompts import GAP
from tests.evaluation.corpora import LAMP

LONG = replace(LAMP, text=LAMP.text * 4)


def opened(base: BaseModel, method: MethodConfig) -> OpenDocument:
    return OpenDocument(base, LONG, method, reply_tokens=10)


@pytest.mark.parametrize("question", ["Who lit the lamp?", "Who, " + "really, " * 14 + "did it?"])
def test_truncated_prompt_is_the_products(
    llama: BaseModel, small: MethodConfig, question: str
) -> None:
    """Token for token what answering shows, also where a long question takes of the context."""
    ask = Ask(question, "lamp", lambda: LONG.text, small, None, 4)
    shown = show(llama, ask, lambda: llama.tokenize(LONG.text))

    assert truncated(opened(llama, small), question) == shown.prompt


def test_retrieved_prompt_is_as_long_as_the_truncated_one(
    llama: BaseModel, small: MethodConfig
) -> None:
    """Neither rival has the longer prompt; less than a piece of a passage may be missing."""
    document = opened(llama, small)
    for question in ("Who lit the lamp?", "What was under her shoes?", "Was it Tuesday?"):
        fair = len(truncated(document, question).ids)
        assert fair - 16 - len(GAP) <= len(retrieved(document, question).ids) <= fair


def test_no_context_is_the_bare_question(llama: BaseModel, small: MethodConfig) -> None:
    """Nothing of the document."""
    prompt = no_context(opened(llama, small), "Who lit the lamp?")

    assert prompt.prefix == llama.chat.opening


def test_whole_document_is_shown_if_the_base_reads_it(
    llama: BaseModel, small: MethodConfig
) -> None:
    """The method's window does not matter here."""
    prompt = whole(opened(llama, small), "Who lit the lamp?")

    assert list(prompt.prefix[len(llama.chat.opening) :]) == llama.tokenize(LONG.text)


@pytest.mark.parametrize(("reply_tokens", "room"), [(20, 20), (5, len(" salted plums"))])
def test_whole_document_is_cut_where_the_base_ends(
    llama: BaseModel, small: MethodConfig, reply_tokens: int, room: int
) -> None:
    """Head and tail, with room for the longest question and reply, one prefix for all."""
    shortened = _Shorter(llama, 500)
    document = OpenDocument(shortened, LONG, small, reply_tokens)  # type: ignore[arg-type]
    prompts = [whole(document, each.question) for each in LONG.questions]

    assert max(len(prompt.ids) for prompt in prompts) == 500 - room
    assert len({prompt.prefix for prompt in prompts}) == 1
    assert GAP in llama.tokenizer.decode(prompts[0].prefix)


def test_question_longer_than_the_window_does_not_fit(
    llama: BaseModel, small: MethodConfig
) -> None:
    """As the product refuses it."""
    document = opened(llama, small)

    assert document.fits("Who?")
    assert not document.fits("Who? " * 60)


class _Shorter:
    """A base model that reads fewer tokens."""

    def __init__(self, base: BaseModel, max_positions: int) -> None:
        self._base = base
        self.max_positions = max_positions

    def __getattr__(self, name: str) -> object:
        return getattr(self._base, name)
