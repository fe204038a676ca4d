"""Which questions concern a document: how much likelier their words are in it than by chance."""

import pytest

from app.lift.relevance import Relevance
from app.samples import SAMPLE_NAMES, load_sample

TEXT = "The mill at Orrin was built by Tessa Vaal. Its wheel was cut from a single oak in 1832."
LEAST = 0.9


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


def test_accents_may_be_left_out() -> None:
    """Whoever asks has another keyboard than the author, or the other way round."""
    assert Relevance.of("Das Werk von José Peñá blieb.").probability("Who was Jose Pena?") > LEAST
    assert Relevance.of("Jose Pena's work remained.").probability("Who was José Peñá?") > LEAST


def test_more_passages_hold_words_by_chance_more_often(mill: Relevance) -> None:
    """The same words in one of a hundred passages say less than in the only one."""
    others = [f"Paragraph {number} is about nothing at all." for number in range(99)]
    book = Relevance.of("\n\n".join([TEXT, *(each * 12 for each in others)]))
    question = "What was built?"

    assert book.probability(question) < mill.probability(question)


@pytest.mark.parametrize(
    "question", ["Summarise the document.", "What is this text about?", "Why?", "", "???"]
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
    """Its odds are beyond what a float's exponential takes."""
    words = [f"{first}{second}ulor" for first in "bcdfghjklm" for second in "aeiouy" * 20]
    stranger = " ".join(word * (1 + place // 60) for place, word in enumerate(words))

    assert mill.probability(stranger) == pytest.approx(0.0)
    assert mill.probability(f"{TEXT} " * 200) == pytest.approx(1.0)


GERMAN = (
    "Die Mühle am Fluss wurde 1832 von Tessa Vaal gebaut, und ihr Rad ist aus einer Eiche. Der "
    "Müller verkaufte das Mehl in der Stadt; im Winter stand das Rad still, weil der Fluss gefror."
)


@pytest.mark.parametrize(
    ("text", "own", "other"),
    [
        (GERMAN, "Wer hat die Mühle gebaut?", "Was ist die Hauptstadt von Japan?"),
        (GERMAN, "Was verkaufte der Müller?", "Wann begann der zweite Weltkrieg?"),
        (
            "Le moulin fut construit en 1832 par Tessa Vaal, et sa roue est en chêne.",
            "Qui a construit le moulin ?",
            "Quelle est la capitale du Japon ?",
        ),
        ("水车由特莎建造。轮子是橡木做的。", "水车由谁建造", "日本的首都是哪里"),
        (
            "水車はテッサが建てました。車輪は樫です。",
            "水車は誰が建てましたか",
            "日本の首都はどこですか",
        ),
        ("방앗간은 1832년에 테사가 지었다.", "방앗간은 누가 지었나", "일본의 수도는 어디인가"),
    ],
)
def test_other_languages_have_everyday_words_of_their_own(text: str, own: str, other: str) -> None:
    """`die` is no rare word in German, and each letter of a run without spaces counts."""
    known = Relevance.of(text)

    assert known.probability(own) > LEAST
    assert known.probability(other) < 0.5


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
