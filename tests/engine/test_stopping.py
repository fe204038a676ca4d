"""Stop strings in a text that comes in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from app.engine.stopping import StopStrings

LETTERS = st.text(alphabet="ab\n", max_size=30)


def given_out(pieces: list[str], stops: tuple[str, ...]) -> tuple[str, bool]:
    """Return all that is let through of a text, and whether it was stopped."""
    strings = StopStrings(stops)
    said = [strings.add(piece) for piece in pieces]
    return "".join([*said, strings.finish()]), strings.found


@given(st.lists(LETTERS, max_size=12), st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4)))
def test_a_text_is_the_same_however_it_is_cut(pieces: list[str], stops: list[str]) -> None:
    """What is let through depends on the text alone, and holds no stop string."""
    text = "".join(pieces)
    said, found = given_out(pieces, tuple(stops))

    assert (said, found) == given_out(list(text), tuple(stops))
    assert found == any(stop in text for stop in stops)
    assert text.startswith(said)
    assert not any(stop in said for stop in stops)
    assert found or said == text


def test_the_first_stop_string_to_be_complete_counts() -> None:
    """One that begins earlier and ends later does not."""
    assert given_out(["xabc"], ("abc", "b")) == ("xa", True)


def test_no_more_is_held_back_than_could_become_a_stop_string() -> None:
    """Other text is let through at once, and what was held as soon as it is harmless."""
    strings = StopStrings(("<end>",))

    assert [strings.add(piece) for piece in ("one <e", "n", "tity>", "two")] == [
        "one ",
        "",
        "<entity>",
        "two",
    ]


def test_nothing_is_held_without_stop_strings() -> None:
    """Text goes through as it comes."""
    strings = StopStrings(())

    assert [strings.add("a"), strings.add("b"), strings.finish()] == ["a", "b", ""]


def test_nothing_comes_behind_a_stop_string() -> None:
    """What the model says on is not let through."""
    assert given_out(["a", "|", "b"], ("|",)) == ("a", True)
