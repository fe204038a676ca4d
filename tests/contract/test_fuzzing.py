"""Whatever is sent, every answer is one that the OpenAPI document tells of."""

from pathlib import Path

from app.settings import Settings
from tests.contract.fuzzing import fuzz, fuzzed_api

NUM_CASES = 2000


def test_no_request_gets_an_answer_that_was_not_described(
    settings: Settings, valkey_url: str, tmp_path: Path
) -> None:
    """Schemathesis' checks and ours hold over thousands of requests, alone and in sequences."""
    served = settings.model_copy(update={"broker_url": valkey_url, "max_document_bytes": 10_000})
    with fuzzed_api(served) as target:
        campaign = fuzz(target, tmp_path, "--max-examples", "40")
    print(campaign.report)  # noqa: T201 - the counts, and the seed of a run that failed

    assert campaign.status == 0
    assert campaign.num_cases >= NUM_CASES
