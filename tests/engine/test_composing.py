"""What an answer is composed over: passages and answers of several documents, within a window."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.answerer import Ask
from app.engine.composing import fair_shares, show_sources
from app.engine.errors import QuestionTooLongError
from app.engine.prompting import Shown, show
from app.engine.sources import Composed, Source
from app.lift.config import MethodConfig
from app.lift.passages import Passage
from app.lift.prompts import composing_prompt
from tests.lift.conftest import cached_base

BASE = cached_base("llama")
METHOD = MethodConfig(window_tokens=600, context_tokens=599)
QUESTION = "What seals it?"
KITE = Source("Kite Post", (Passage("Blue wax seals it.", 40), Passage("It flies.", 0)), "blue wax")
HARBOUR = Source("Harbour", (Passage("Nobody seals letters.", 7),), "nothing")


def source(num_passages: int, answer: str = "yes", title: str = "T", length: int = 50) -> Source:
    """Return a document with passages of `length` characters, none beside another."""
    passages = (Passage("p" * length, 1000 * number) for number in range(num_passages))
    return Source(title, tuple(passages), answer)


def shown(sources: Sequence[Source], method: MethodConfig = METHOD, question: str = "Q?") -> Shown:
    """Return what the model sees of sources."""
    ask = Ask(question, "doc", _no_text, method, None, 8, sources=tuple(sources))
    return show(BASE, ask, list)


def words(prompt: Shown) -> str:
    return str(BASE.tokenizer.decode(prompt.prompt.ids))


def test_passages_come_first_then_answers_then_the_question() -> None:
    """Under each document's title; passages in the document's order, gaps marked."""
    prompt = shown([KITE, HARBOUR], question=f" {QUESTION} ")

    assert words(prompt) == (
        '<s>[user]From "Kite Post":\nIt flies.\n...\nBlue wax seals it.\n\n'
        'From "Harbour":\nNobody seals letters.\n\n'
        "Each text was asked the question below alone."
        '\nAnswer from "Kite Post": blue wax\nAnswer from "Harbour": nothing'
        "\n\nAnswer the question about the texts in a few words.\nQuestion: What seals it?"
        "</s>[assistant]Answer:"
    )
    assert prompt.composed == Composed((2, 1), 0)
    assert prompt.num_dropped_turns == 0


def test_nothing_of_the_documents_is_kept_as_a_prefix() -> None:
    """What is kept of one document must not hold another's text, which may be deleted."""
    prompt = shown([KITE, HARBOUR]).prompt

    assert prompt.prefix == BASE.chat.opening


def test_documents_without_passages_are_told_by_their_answers() -> None:
    """A title without a text under it says nothing."""
    prompt = shown([replace(KITE, passages=()), HARBOUR])

    assert 'From "Kite Post":\n' not in words(prompt)
    assert 'Answer from "Kite Post": blue wax' in words(prompt)
    assert prompt.composed == Composed((0, 1), 0)


def test_passages_are_cut_before_answers() -> None:
    """Long answers in a tiny window are whole, and passages take what is left."""
    answers = ["a" * 120, "b" * 130]
    sources = [source(9, answer) for answer in answers]
    prompt = shown(sources, replace(METHOD, window_tokens=560, context_tokens=559))

    assert all(answer in words(prompt) for answer in answers)
    assert prompt.composed is not None
    assert prompt.composed.num_cut_answers == 0
    assert all(0 < num < 9 for num in prompt.composed.num_passages)


def test_answers_that_fill_the_window_leave_no_passage() -> None:
    """They are cut to what there is, the longest first, and the question is whole."""
    sources = [source(3, "a" * 300), source(3, "b" * 20), source(3, "c" * 400)]
    prompt = shown(sources, replace(METHOD, window_tokens=420, context_tokens=419), "Who? " * 9)

    assert prompt.composed == Composed((0, 0, 0), 2)
    assert "b" * 20 in words(prompt)
    assert words(prompt).count("a" * 10) == words(prompt).count("c" * 10)
    assert f"Question: {('Who? ' * 9).strip()}</s>" in words(prompt)
    assert len(prompt.prompt.ids) == 420


def test_passages_are_as_long_as_the_settings_let_a_context_be() -> None:
    """A wide window is no reason to read for long."""
    answers_alone = shown([source(0), source(0)])
    prompt = shown([source(99), source(99)], replace(METHOD, context_tokens=200))

    more = len(prompt.prompt.ids) - len(answers_alone.prompt.ids)
    assert 150 < more <= 200


def test_documents_share_the_window_evenly() -> None:
    """As many tokens for each, whichever comes first, while a short one is shown whole."""
    long, short = source(40, length=30), source(1, length=10)
    for sources in ([long, short, long], [short, long, long], [long, long, short]):
        composed = shown(sources).composed
        assert composed is not None
        nums = dict(
            zip((len(each.passages) for each in sources), composed.num_passages, strict=True)
        )
        many = [num for num in composed.num_passages if num != 1]
        assert nums[1] == 1
        assert len(many) == 2
        assert abs(many[0] - many[1]) <= 1


@given(
    st.lists(
        st.builds(
            source,
            st.integers(0, 6),
            st.text(max_size=200),
            st.text(min_size=1, max_size=100),
            st.integers(1, 300),
        ),
        min_size=1,
        max_size=16,
    ),
    st.integers(150, 600),
)
def test_a_prompt_never_exceeds_the_window(sources: list[Source], window_tokens: int) -> None:
    """Whatever the documents say."""
    method = replace(METHOD, window_tokens=window_tokens, context_tokens=window_tokens - 1)
    prompt = shown(sources, method)

    assert len(prompt.prompt.ids) <= window_tokens
    frame = composing_prompt(BASE, (), "Q?")
    assert prompt.prompt.request[-len(frame.request) :] == frame.request
    assert prompt.composed is not None
    assert len(prompt.composed.num_passages) == len(sources)
    if prompt.composed.num_cut_answers:
        assert not any(prompt.composed.num_passages)


def test_a_question_that_leaves_no_room_is_refused() -> None:
    """The message gives both lengths, as it does for one document."""
    with pytest.raises(QuestionTooLongError, match=r"takes \d+ tokens .* holds 150"):
        shown([KITE, HARBOUR], replace(METHOD, window_tokens=150, context_tokens=9), "why? " * 30)


def test_long_titles_are_shortened() -> None:
    """They are names here, not text."""
    tokens, _ = show_sources(BASE.tokenize, [source(1, title="t" * 500)], 2000, 2000)

    assert BASE.tokenizer.decode(tokens).count("t" * 80) == 2
    assert "t" * 81 not in BASE.tokenizer.decode(tokens)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9), st.integers(0, 300))
def test_shares_are_fair(needs: list[int], room: int) -> None:
    """Nobody gets more than it needs; who lacks something has no less than any other, but one."""
    shares = fair_shares(needs, room)

    assert sum(shares) <= room
    assert all(share <= need for share, need in zip(shares, needs, strict=True))
    lacking = [share for share, need in zip(shares, needs, strict=True) if share < need]
    if lacking:
        assert sum(shares) == room
        assert min(lacking) >= max(shares) - 1


def _no_text() -> str:
    raise AssertionError("the text was read")
