"""A few hundred requests that nobody thought of, the same ones each time."""

from pathlib import Path

from app.settings import Settings
from tests.contract.fuzzing import fuzz, fuzzed_api


def test_requests_by_seed_get_answers_that_were_described(
    settings: Settings, valkey_url: str, tmp_path: Path
) -> None:
    """All checks of Schemathesis, and ours, hold; `make contract` sends thousands."""
    served = settings.model_copy(update={"broker_url": valkey_url, "max_document_bytes": 10_000})
    few = ["--phases", "examples,fuzzing,stateful", "--max-examples", "8", "--seed", "7"]
    with fuzzed_api(served) as target:
        campaign = fuzz(target, tmp_path, *few)

    assert campaign.status == 0, campaign.report
    assert campaign.num_cases >= 200
