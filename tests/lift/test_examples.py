"""What is shown and what is supervised in training."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.lift.base_model import BaseModel
from app.lift.config import MethodConfig
from app.lift.examples import question_groups, recitation_groups, reply_ids
from app.lift.observer import QAPair
from app.lift.prompts import GAP, RECITE, answering_context, question_prompt
from app.lift.segments import cut_segments
from tests.lift.conftest import TEXT, cached_base
from tests.tiny import tiny_tokenizer

PAIRS = [QAPair(f"What is {word}?", word, TEXT, 0) for word in ("oil", "a wick", "plums")]


def method(**options: int) -> MethodConfig:
    sizes = {"segment_tokens": 20, "stride_tokens": 8, "recitation_context_tokens": 40}
    return MethodConfig(**(sizes | options))  # type: ignore[arg-type]


@settings(max_examples=25)
@given(st.integers(1, 120), st.integers(1, 5), st.integers(0, 2**32))
def test_an_epoch_recites_every_segment_once(num_tokens: int, shared: int, seed: int) -> None:
    """Whatever the grouping and the seed, the targets are the segments, each one once."""
    base = cached_base("llama")
    document = list(range(3, 3 + num_tokens))
    chosen = method(recitations_per_context=shared)
    segments = cut_segments(document, chosen.segment_tokens, chosen.stride_tokens)
    groups = list(recitation_groups(base, document, segments, chosen, Random(seed)))
    targets = [list(example.target) for group in groups for example in group.examples]

    assert sorted(targets) == sorted(segments)
    assert all(len(group.examples) <= shared for group in groups)


def test_a_recitation_shows_a_truncated_context_and_asks_for_a_segment(llama: BaseModel) -> None:
    """The prefix is the chat's opening and the context; the request is the paper's sentence."""
    document = list(range(3, 103))
    segments = cut_segments(document, 20, 8)
    group = next(recitation_groups(llama, document, segments, method(), Random(0)))
    context = group.prefix[len(llama.chat.opening) :]

    assert group.prefix[: len(llama.chat.opening)] == llama.chat.opening
    assert len(context) == 40
    assert llama.tokenizer.decode(context).count(GAP) == 1
    assert group.examples[0].request == (*llama.tokenize(RECITE), *llama.chat.closing)


def test_contexts_are_drawn_anew_for_every_group(llama: BaseModel) -> None:
    """r varies: the head's part of the context is not always the same."""
    document = list(range(3, 203))
    segments = cut_segments(document, 20, 8)
    prefixes = {
        group.prefix for group in recitation_groups(llama, document, segments, method(), Random(0))
    }

    assert len(prefixes) > 10


def test_a_question_is_trained_as_it_will_be_asked(llama: BaseModel) -> None:
    """The prompt of a training question is the very prompt of answering, token for token."""
    document = llama.tokenize(TEXT)
    chosen = method(window_tokens=240, context_tokens=64)
    groups = list(question_groups(llama, document, PAIRS, chosen, Random(0)))
    trained = {
        (*group.prefix, *example.request): example.target
        for group in groups
        for example in group.examples
    }
    context = answering_context(llama, document, 64)
    asked = {
        tuple(question_prompt(llama, context, pair.question).ids): reply_ids(llama, pair.answer)
        for pair in PAIRS
    }

    assert trained == asked


def test_a_reply_ends_with_the_end_of_the_turn(llama: BaseModel) -> None:
    """It follows what a reply begins with, and the model is taught to stop, not to ramble."""
    asked = question_prompt(llama, (), "What burns?").request
    ids = reply_ids(llama, "oil")

    assert tiny_tokenizer().decode([*asked, *ids]).endswith("Answer: oil</s>")


def test_without_pairs_there_are_no_question_groups(llama: BaseModel) -> None:
    """A document too short for questions is still recited."""
    assert list(question_groups(llama, [3, 4], [], method(), Random(0))) == []
