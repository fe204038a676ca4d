"""Which questions concern a document: by the share of their words that it holds, weighed."""

import pytest

from app.lift.relevance import Relevance
from app.samples import SAMPLE_NAMES, load_sample

TEXT = "The mill at Orrin was built by Tessa Vaal. Its wheel was cut from a single oak in 1832."
LEAST = 0.6


@pytest.fixture
def mill() -> Relevance:
    """The words of a small document."""
    return Relevance.of(TEXT)


@pytest.mark.parametrize(
    "question",
    ["Who built the mill at Orrin?", "What were the wheels cut from?", "WHO WAS TESSA VAAL?"],
)
def test_question_in_the_documents_words_is_related(mill: Relevance, question: str) -> None:
    """By their stems, letter case aside."""
    assert mill.overlap(question) == 1.0


@pytest.mark.parametrize(
    "question", ["What is the capital of Japan?", "Who painted the Mona Lisa?"]
)
def test_question_without_its_words_is_not(mill: Relevance, question: str) -> None:
    """General knowledge has nothing to do with it."""
    assert mill.overlap(question) == 0.0


def test_rare_words_decide(mill: Relevance) -> None:
    """`single` in common weighs less than a name that is not."""
    assert mill.overlap("Did Zoltan have a single child?") < 0.5


@pytest.mark.parametrize(
    "question", ["Summarise the document.", "What is this text about?", "Why?", "", "???"]
)
def test_question_about_the_text_itself_concerns_any(mill: Relevance, question: str) -> None:
    """And so does one without any word of content."""
    assert mill.overlap(question) == 1.0


def test_words_of_scripts_without_spaces_count_by_their_letters() -> None:
    """A run of such letters is many words to a reader, one to a tokenizer."""
    vocabulary = Relevance.of("水车由特莎建造。轮子是橡木做的。")

    assert vocabulary.overlap("水车由谁建造") > LEAST
    assert vocabulary.overlap("日本的首都是哪里") < LEAST


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_samples_own_questions_are_related_and_others_are_not(name: str) -> None:
    """At the share that `balanced` asks for."""
    own = Relevance.of(load_sample(name).text)
    others = [other for other in SAMPLE_NAMES if other != name]
    related = [own.overlap(each.question) >= LEAST for each in load_sample(name).questions]
    foreign = [
        own.overlap(each.question) >= LEAST
        for other in others
        for each in load_sample(other).questions
    ]

    assert sum(related) >= 0.9 * len(related)
    assert sum(foreign) <= 0.25 * len(foreign)
