"""Training examples as texts: what another model than the base model can be tuned on.

The same segments, contexts, requests and answers as in training, by the same functions; only the
tokens become words again. `REPLY_START` is left out: nobody can begin another service's reply.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from app.lift.config import MethodConfig
from app.lift.examples import ExampleGroup, question_groups, recitation_groups
from app.lift.observer import QAPair
from app.lift.prompts import ASK, REPLY_START, answering_context
from app.lift.segments import cut_segments
from app.lift.tokenizing import BareTokenizer


class TextExample(NamedTuple):
    """A request and the reply to learn."""

    prompt: str
    reply: str


class TextQuestion(NamedTuple):
    """How a question is put, as in training."""

    context: str
    """The truncated document."""
    request: str
    """What follows it, with `{question}` where the question goes."""


def text_examples(
    speaker: BareTokenizer, text: str, pairs: Sequence[QAPair], method: MethodConfig
) -> Iterator[TextExample]:
    """Yield one epoch of recitations, and the question/answer pairs."""
    random = Random(method.seed)
    tokens = speaker.tokenize(text)
    segments = cut_segments(tokens, method.segment_tokens, method.stride_tokens)
    yield from _texts(speaker, recitation_groups(speaker, tokens, segments, method, random))
    for prompt, reply in _texts(speaker, question_groups(speaker, tokens, pairs, method, random)):
        yield TextExample(prompt.removesuffix(REPLY_START), reply.removeprefix(" "))


def text_question(speaker: BareTokenizer, text: str, method: MethodConfig) -> TextQuestion:
    """Return how the document is asked."""
    context = answering_context(speaker, speaker.tokenize(text), method.context_tokens)
    return TextQuestion(speaker.text(context), ASK)


def _texts(speaker: BareTokenizer, groups: Iterator[ExampleGroup]) -> Iterator[TextExample]:
    for group in groups:
        context = speaker.text(group.prefix)
        for example in group.examples:
            yield TextExample(context + speaker.text(example.request), speaker.text(example.target))
