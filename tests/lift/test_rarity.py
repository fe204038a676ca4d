"""How often words stand in everyday texts: by the language of the text that they are asked of."""

import pytest

from app.lift.rarity import frequency_in, spaced

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


def test_letters_stand_for_words_where_no_spaces_part_them() -> None:
    """All of one frequency, in a text of their language and in an English one."""
    assert list(spaced("水车")) == ["水", "车"]
    assert list(spaced("mill")) == ["mill"]
    assert len({frequency_in(each)("水") for each in ("水车由特莎建造。", ENGLISH)}) == 1


def test_number_is_as_rare_as_its_digits() -> None:
    """Most numbers are in no list of words; that makes none of them a name."""
    frequency = frequency_in(ENGLISH)

    assert frequency("1832") > 100 * frequency("qwvzzt")
