"""Which questions concern a document: how much likelier their words are in it than by chance."""

import unicodedata

import pytest

from app.lift.presets import PRESETS
from app.lift.relevance import Relevance
from app.lift.stemming import words_of
from app.samples import SAMPLE_NAMES, load_sample

TEXT = "The mill at Orrin was built by Tessa Vaal. Its wheel was cut from a single oak in 1832."
LEAST = PRESETS["balanced"].least_relatedness


@pytest.fixture
def mill() -> Relevance:
    """The words of a small document."""
    return Relevance.of(TEXT)


@pytest.mark.parametrize(
    "question",
    [
        "Who built the mill at Orrin?",
        "What were the wheels cut from?",
        "WHO WAS TESSA VAAL?",
        "When was the oak felled that gave the wheel of Orrin's mill?",
    ],
)
def test_question_in_the_documents_words_is_related(mill: Relevance, question: str) -> None:
    """By their stems, letter case aside, though a word or two are others."""
    assert mill.probability(question) > LEAST


@pytest.mark.parametrize(
    "question",
    ["What is the capital of Japan?", "Who painted the Mona Lisa?", "How many people live there?"],
)
def test_question_without_its_words_is_not(mill: Relevance, question: str) -> None:
    """General knowledge has nothing to do with it."""
    assert mill.probability(question) < 0.2


def test_rare_words_decide(mill: Relevance) -> None:
    """A name beside words that are not there is enough; an everyday word is not."""
    assert mill.probability("Did Tessa ever marry a foreigner?") > LEAST
    assert mill.probability("Did Zoltan have a single child?") < LEAST


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("El molino era de José Peñá.", "Was it Jose Pena's?"),
        ("The mill was Jose Pena's.", "Was it José Peñá's?"),
        ("The mill was José Peñá's.", unicodedata.normalize("NFD", "Was it José Peñá's?")),
        ("Değirmen İstanbul'da kaldı.", "Where is İstanbul?"),
        ("Değirmen İstanbul'da kaldı.", "Where is istanbul?"),
    ],
)
def test_accents_may_be_left_out(text: str, question: str) -> None:
    """Whoever asks has another keyboard than the author, or the other way round."""
    assert Relevance.of(text).probability(question) > LEAST


@pytest.mark.parametrize("question", ["Why doesn't ice sink?", "Who wouldn't like chocolate?"])
def test_what_is_left_of_a_contraction_is_no_rare_word(question: str) -> None:
    """`doesn` stands in few lists of words, and in half of all texts."""
    text = "The mill doesn't grind rye, which wouldn't pay. Tessa didn't live there."

    assert Relevance.of(text).probability(question) < 0.5


def test_stem_is_as_common_as_the_words_that_it_is_found_in() -> None:
    """A text of organizations says less for a question about organs than one of organs."""
    question = "Are the two organs of a gorilla large?"
    of_organs, of_organizations = (
        Relevance.of(f"Its {word}.") for word in ("organs", "organization")
    )

    assert of_organizations.probability(question) < 0.5 < of_organs.probability(question)
    one, other = "Has an organ organization?", "Has an organization organ?"
    assert of_organs.probability(one) == of_organs.probability(other)


def test_more_passages_hold_words_by_chance_more_often(mill: Relevance) -> None:
    """The same words in one of a hundred passages say less than in the only one."""
    others = [f"Paragraph {number} is about nothing at all." for number in range(99)]
    book = Relevance.of("\n\n".join([TEXT, *(each * 12 for each in others)]))
    question = "What was built?"

    assert book.probability(question) < mill.probability(question)


@pytest.mark.parametrize(
    "question", ["Was it built by a man?", "Whose wheel?", "A tin oak?", "Tin?"]
)
def test_odds_are_the_mean_of_the_passages(question: str) -> None:
    """The question is about one of them, whichever: several that fit say more than the best one."""
    passages = [TEXT, "A single man had built it.", "It was of no use."]
    odds = [_odds([passage], question) for passage in passages]

    assert _odds(passages, question) == pytest.approx(sum(odds) / len(odds))
    assert _odds(passages * 2, question) == pytest.approx(_odds(passages, question))


def _odds(passages: list[str], question: str) -> float:
    probability = Relevance(passages, words_of(passages)).probability(question)
    return probability / (1 - probability)


@pytest.mark.parametrize(
    "question",
    [
        "Summarise the document.",
        "What is this text about?",
        "What is this book about?",
        "Summarise the whole meeting.",
        "What does the contract say?",
        "Tell me more.",
        "Who were they?",
        "Why doesn't it?",
        "Why?",
        "",
        "???",
        "____",
    ],
)
def test_question_about_the_text_itself_concerns_any(mill: Relevance, question: str) -> None:
    """And so does one without any word of content."""
    assert mill.probability(question) == 1.0


@pytest.mark.parametrize("text", ["", "   ", "?!"])
def test_text_without_words_is_about_nothing(text: str) -> None:
    """Such as a scan that no one read; but its summary may be asked for."""
    assert Relevance.of(text).probability("Who built the mill?") < 0.5
    assert Relevance.of(text).probability("Summarise this.") == 1.0


def test_question_as_long_as_a_book_has_a_probability(mill: Relevance) -> None:
    """Its odds are beyond what a float's exponential takes, for the document and against it."""
    words = [f"{first}{second}ulor" for first in "bcdfghjklm" for second in "aeiouy" * 20]
    stranger = " ".join(word * (1 + place // 60) for place, word in enumerate(words))
    rare = " ".join(f"zq{first}{second}tor" for first in "bcdfghjk" for second in "bcdfghjk")

    assert mill.probability(stranger) == pytest.approx(0.0)
    assert Relevance.of(rare).probability(rare) == pytest.approx(1.0)


def test_kinds_of_texts_count_beside_other_words(mill: Relevance) -> None:
    """A contract is asked for its signer by the word contract, and a contraction is none."""
    others = [f"Paragraph {number} is of rules for the use of rooms. " * 8 for number in range(60)]
    contract = Relevance.of("\n\n".join(["Anna Zeller signed this contract.", *others]))

    assert contract.probability("Who signed the contract?") > LEAST
    assert mill.probability("What is a contraction?") < 0.5


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_samples_own_questions_are_related_and_others_are_not(name: str) -> None:
    """At the probability that `balanced` asks for."""
    own = Relevance.of(load_sample(name).text)
    others = [other for other in SAMPLE_NAMES if other != name]
    related = [own.probability(each.question) >= LEAST for each in load_sample(name).questions]
    foreign = [
        own.probability(each.question) >= LEAST
        for other in others
        for each in load_sample(other).questions
    ]

    assert sum(related) >= 0.9 * len(related)
    assert sum(foreign) <= 0.1 * len(foreign)
