"""A lease is over when nobody has renewed it for long, whatever any wall clock says."""

from app.silence import Silence


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now


def test_row_that_stays_the_same_is_silent_after_a_lease() -> None:
    """It is found from then on, and not before."""
    clock = Clock()
    silence, found = Silence(60.0, clock), []
    for _ in range(5):
        found.append(silence.find(["job 1"]))
        clock.now += 20.0

    assert found == [[], [], [], ["job 1"], ["job 1"]]


def test_row_that_changes_is_not_silent() -> None:
    """Each renewal makes it another row, also one that says less than the row before."""
    clock = Clock()
    silence, found = Silence(60.0, clock), []
    for expires_at in (9, 8, 7, 6, 5, 9):
        found += silence.find([("job 1", expires_at)])
        clock.now += 50.0

    assert found == []


def test_row_that_was_gone_meanwhile_begins_anew() -> None:
    """Nothing is remembered of what is no longer there."""
    clock = Clock()
    silence = Silence(60.0, clock)
    silence.find(["job 1"])
    clock.now += 50.0
    silence.find([])
    clock.now += 50.0

    assert silence.find(["job 1"]) == []


def test_forgotten_rows_begin_anew() -> None:
    """Behind an absence of the database everybody has the time of a lease to renew."""
    clock = Clock()
    silence = Silence(60.0, clock)
    silence.find(["job 1"])
    clock.now += 100.0
    silence.forget()

    assert silence.find(["job 1"]) == []
    clock.now += 60.0
    assert silence.find(["job 1"]) == ["job 1"]
