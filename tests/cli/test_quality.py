"""What the command line says of a memory's quality."""

import pytest

from app.cli.quality import quality_sentence
from app.client_views import Quality
from tests.cli.conftest import PlayedServer, document
from tests.cli.test_documents import lift

MEASURED = {
    "verdict": "helps",
    "num_pairs": 4,
    "without_memory": -4.5,
    "with_memory": -3.25,
    "with_other_memory": -4.4,
    "gain": 1.25,
    "gain_standard_error": 0.5,
    "reason": None,
}


def test_status_tells_that_a_memory_helps_and_by_how_much(played: PlayedServer) -> None:
    """The figures stand with the verdict, the control among them."""
    played.play("GET /documents/d1", document("ready", quality=MEASURED))

    result = lift("status", "d1", "--url", played.url)

    assert (
        "This memory helps: on 4 held-back questions the expected answers have a log-likelihood a "
        "token of -3.25 with it and -4.50 without it (gain +1.25 ± 0.50), and -4.40 with another "
        "document's.\n"
    ) in result.output


def test_status_labels_a_memory_that_does_not_help(played: PlayedServer) -> None:
    """In plain words, with what to do instead."""
    quality = MEASURED | {"verdict": "no_measured_help"}
    played.play("GET /documents/d1", document("ready", quality=quality))

    result = lift("status", "d1", "--url", played.url)

    assert "This memory was not measured to help (`lift ask --memory off`" in result.output


def test_missing_control_is_told() -> None:
    """A gain that nothing was compared with may be style, which is said."""
    sentence = quality_sentence(Quality.model_validate(MEASURED | {"with_other_memory": None}))

    assert sentence.endswith(
        "(gain +1.25 ± 0.50); there was no other document's memory to compare with, and some of it "
        "may be mere style."
    )


@pytest.mark.parametrize(
    ("quality", "told"),
    [
        ({"verdict": "not_measured", "num_pairs": 0, "reason": "no pairs"}, "no pairs"),
        ({"verdict": "of a newer server", "num_pairs": 3}, "of a newer server"),
        ({"verdict": "helps", "num_pairs": 3}, "helps"),
    ],
)
def test_what_was_not_measured_is_told_so(quality: dict[str, object], told: str) -> None:
    """The reason stands in the sentence, and an unknown verdict in place of one."""
    sentence = quality_sentence(Quality.model_validate(quality))

    assert sentence == f"Whether this memory helps was not measured: {told}."


def test_status_of_an_unmeasured_memory_says_nothing(played: PlayedServer) -> None:
    """An adapter of an older server has no quality to tell."""
    played.play("GET /documents/d1", document("ready", quality=None))

    result = lift("status", "d1", "--url", played.url)

    assert result.exit_code == 0
    assert "This memory" not in result.output


def test_upload_ends_with_the_verdict(played: PlayedServer) -> None:
    """Who waits for a document hears what its memory is worth."""
    played.play("POST /documents", {"id": "d1"}, status=202)
    played.play("GET /documents/d1", document("ready", quality=MEASURED))

    result = lift("upload", __file__, "--url", played.url)

    assert "This memory helps" in result.output
    assert result.output.endswith('Ready. Ask with: lift ask d1 "…"\n')
