"""Words as they are looked up: by their English stems, in any script."""

import unicodedata

import pytest

from app.lift.stemming import is_pair, stem, stems, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The mill's WHEELS, and the miller", ["mill", "wheels", "miller"]),
        ("José's Café", ["jose", "cafe"]),
        (unicodedata.normalize("NFD", "José's Café"), ["jose", "cafe"]),
        ("İstanbul", ["istanbul"]),
        ("Name: ____ snake_case x200", ["name", "snake_case", "x200"]),
        ("水车由特", ["水车", "车由", "由特"]),
        ("iPhone水车", ["iphone", "水车"]),
        ("がくぶち", ["がく", "くぶ", "ぶち"]),
        (unicodedata.normalize("NFD", "がくぶち"), ["がく", "くぶ", "ぶち"]),
        ("방앗간은 1832년", ["방앗", "앗간", "간은", "1832", "년"]),
        ("नदी के किनारे।", ["नदी", "के", "किनारे"]),
        ("", []),
        ("?! 🙂", []),
    ],
)
def test_words_are_found_in_any_script(text: str, words: list[str]) -> None:
    """Without accents and capitals; in pairs of letters where no spaces part words."""
    assert words_of([text]) == [words]


def test_texts_keep_their_order() -> None:
    """One list each, an empty one for a text without words; none for no text."""
    assert stems(["mills", "", "wheels"]) == [["mill"], [], ["wheel"]]
    assert stems([]) == []


def test_word_too_long_for_a_word_is_its_own_stem() -> None:
    """Stems are kept; what somebody sends as one word of a megabyte is not."""
    assert stem("running") == "run"
    assert stem("running" * 100) == "running" * 100


@pytest.mark.parametrize(("word", "expected"), [("水车", True), ("水", True), ("mill", False)])
def test_pairs_are_told_from_words(word: str, expected: bool) -> None:
    """Whose frequencies nobody counted."""
    assert is_pair(word) is expected
