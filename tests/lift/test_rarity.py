"""How often words stand in everyday texts: by the language of the text that they are asked of."""

import pytest
import wordfreq

from app.lift.rarity import frequency_in

ENGLISH = "The wheel of the mill was cut from an oak that stood by the river."
GERMAN = "Das Rad der Mühle ist aus einer Eiche, die am Fluss stand."


def test_everyday_words_are_more_frequent_than_rare_ones_and_names() -> None:
    """Down to words that nobody counted, which are not impossible."""
    frequency = frequency_in(ENGLISH)

    frequencies = [frequency(word) for word in ("the", "river", "mill", "ctenophore", "qwvzzt")]
    assert frequencies == sorted(frequencies, reverse=True)
    assert len(set(frequencies)) == 5
    assert frequencies[-1] > 0


@pytest.mark.parametrize(
    ("text", "everyday"),
    [
        (GERMAN, "einer"),
        ("La roue du moulin est en chêne, et le meunier vend la farine.", "moulin"),
        ("Колесо мельницы сделано из дуба, и это не новость для всех.", "сделано"),
        (ENGLISH, "stood"),
    ],
)
def test_words_are_counted_in_the_texts_language(text: str, everyday: str) -> None:
    """A text tells its language by its own commonest words."""
    others = {GERMAN, ENGLISH} - {text}

    assert all(frequency_in(text)(everyday) > 2 * frequency_in(each)(everyday) for each in others)


@pytest.mark.parametrize("text", ["", "1832", "=====", "x = y + 1"])
def test_text_without_a_language_is_taken_for_english(text: str) -> None:
    """As good a guess as any."""
    assert frequency_in(text)("river") == frequency_in(ENGLISH)("river")


def test_pairs_of_letters_have_one_frequency_in_any_text() -> None:
    """Where no spaces part words, nobody counted them."""
    pairs = {
        frequency_in(text)(pair)
        for text in ("水车由特莎建造。", ENGLISH)
        for pair in ("水车", "です")
    }

    assert len(pairs) == 1


def test_spellings_without_accents_are_as_frequent_as_with_them() -> None:
    """Else whoever leaves them out would ask for rare words only."""
    german = frequency_in(GERMAN)

    assert german("konnen") > 1000 * german("kqnnen")
    assert german("konnen") == pytest.approx(
        sum(wordfreq.word_frequency(word, "de") for word in ("können", "konnen")), rel=0.05
    )


def test_no_more_than_a_few_languages_stay_in_memory() -> None:
    """Each takes up to 40 MB, and anybody may upload a text in any of them."""
    texts = (ENGLISH, GERMAN, "La roue du moulin est en chêne.", "Det er et hjul, og det er godt.")

    for text in texts:
        frequency_in(text)("river")

    assert wordfreq.get_frequency_dict.cache_info().currsize == 0
    assert wordfreq.get_frequency_list.cache_info().currsize == 0


def test_number_is_as_rare_as_its_digits() -> None:
    """Most numbers are in no list of words; that makes none of them a name."""
    frequency = frequency_in(ENGLISH)

    assert frequency("1832") > 100 * frequency("qwvzzt")
