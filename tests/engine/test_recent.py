"""What was used last is kept, and never more than there is room for."""

from app.engine.recent import Recent


def test_least_lately_used_go_first() -> None:
    """What is asked for stays; as many others go as the newest needs."""
    recent = Recent[str](6)
    for name in ("ann", "bob"):
        recent.get(name, lambda: "abc")
    recent.kept("ann")
    recent.get("cy", lambda: "abc")

    assert [recent.kept(name) for name in ("ann", "bob", "cy")] == ["abc", None, "abc"]

    recent.get("dee", lambda: "abcdef")

    assert [recent.kept(name) for name in ("ann", "cy", "dee")] == [None, None, "abcdef"]


def test_longer_than_all_room_is_kept_alone() -> None:
    """A text that is asked now is not read again for each question."""
    recent = Recent[str](6)
    recent.get("ann", lambda: "abc")
    recent.get("bob", lambda: "abcdefgh")

    assert [recent.kept(name) for name in ("ann", "bob")] == [None, "abcdefgh"]


def test_dropped_while_made_is_not_kept() -> None:
    """A document that was deleted meanwhile leaves nothing behind."""
    recent = Recent[str](6)

    def make() -> str:
        recent.drop("ann")
        return "abc"

    assert recent.get("ann", make) == "abc"
    assert recent.kept("ann") is None
