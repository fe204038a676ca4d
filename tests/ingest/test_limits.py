"""The limits that are published are those that hold."""

import re
from pathlib import Path

from app.ingest import limits
from app.ingest.limits import LIMITS, MIB

README = Path(limits.__file__).with_name("README.md").read_text()


def test_readme_publishes_the_limits() -> None:
    """Each row of the table says what the code says."""
    table = README.partition("## Limits")[2].partition("Sizes are")[0]
    rows = re.findall(r"^\| .* \| (\S.*) \|$", table, re.MULTILINE)

    assert rows[1:] == [
        f"{LIMITS.cpu_seconds} s",
        f"{LIMITS.wall_seconds:g} s",
        f"{LIMITS.memory_bytes // MIB} MiB",
        f"{LIMITS.text_characters:,} characters",
        f"{LIMITS.unpacked_bytes // MIB} MiB, and {LIMITS.unpacked_ratio} times their size where "
        f"that is more than {LIMITS.ratio_free_bytes // MIB} MiB",
        f"{LIMITS.entries:,}",
        f"{LIMITS.documents}",
        f"{LIMITS.archive_nesting}",
        f"{LIMITS.element_nesting}",
        f"{LIMITS.pages:,}",
        f"{LIMITS.recognised_pages}",
        f"{LIMITS.cell_characters:,} characters",
    ]
