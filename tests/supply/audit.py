"""`python -m tests.supply.audit PIP_AUDIT`: has any locked package a vulnerability that is known?

Asks the advisory service that pip-audit asks. A package that the service does not know counts as
harmless there, and an index that serves files without advisories knows none: that is told here as
nothing checked. The status is 1 if something was found, if only some packages could be checked, or
if the tool failed; where no service can be reached, it is 0, so that one can work offline.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.supply.locks import FOLDER, Locked, image_locks, read_lock

_SECONDS = 300
_OUT_OF_REACH = re.compile(r"ConnectionError|Timeout|ProxyError|SSLError|HTTPError|ServiceError")


class Outcome(Enum):
    """What an audit came to: the words for it, and the exit status."""

    CLEAN = ("no known vulnerability", 0)
    NOT_CHECKED = ("NOT CHECKED, no advisory service could be asked", 0)
    PARTLY_CHECKED = ("NOT CHECKED in part, for the service does not know the above", 1)
    VULNERABLE = ("known vulnerabilities, see above", 1)
    FAILED = ("NOT CHECKED, pip-audit failed", 1)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome, and each finding in a line."""

    outcome: Outcome
    lines: list[str]

    def print(self, num_packages: int) -> int:
        """Print all of it, and return the exit status."""
        console = Console(soft_wrap=True, highlight=False, markup=False)
        words, status = self.outcome.value
        console.print(*self.lines, f"pip-audit, {num_packages} packages: {words}", sep="\n")
        return status


def main(arguments: list[str]) -> int:
    """Audit what the images hold, and return the exit status."""
    [tool] = arguments
    locked = image_locks() | read_lock(FOLDER / "torch-cuda.txt")
    return audit(Path(tool), locked).print(len(locked))


def audit(tool: Path, locked: dict[str, Locked]) -> Report:
    """Have pip-audit ask for these packages, and judge what it says."""
    pins = "".join(f"{each.name}=={each.version}\n" for each in locked.values())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pins.txt"
        file.write_text(pins, encoding="utf-8")
        options = ["--no-deps", "--disable-pip", "--desc=off", "--format=json"]
        try:
            done = subprocess.run(
                [tool, "--requirement", file, *options],
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Report(Outcome.NOT_CHECKED, [f"no answer in {_SECONDS} seconds"])
    try:
        return _judge(json.loads(done.stdout)["dependencies"], len(locked))
    except json.JSONDecodeError:
        return _without_answer(done.stderr.strip() or "it printed nothing")


def _judge(packages: list[dict[str, Any]], num_asked: int) -> Report:
    found = [_in_words(each) for each in packages if each.get("vulns")]
    checked = [each for each in packages if "vulns" in each]
    unknown = [each["name"] for each in packages if "vulns" not in each]
    if found:
        return Report(Outcome.VULNERABLE, found)
    if not checked:
        return Report(Outcome.NOT_CHECKED, ["the service knows none of the packages"])
    if len(checked) < num_asked:
        return Report(Outcome.PARTLY_CHECKED, unknown or ["some packages were left out"])
    return Report(Outcome.CLEAN, [])


def _in_words(package: dict[str, Any]) -> str:
    known = [
        f"{each['id']} (fixed in {', '.join(each['fix_versions']) or 'no version yet'})"
        for each in package["vulns"]
    ]
    return f"{package['name']} {package['version']}: {', '.join(known)}"


def _without_answer(complaint: str) -> Report:
    last_line = complaint.splitlines()[-1]
    out_of_reach = _OUT_OF_REACH.search(complaint)
    return Report(Outcome.NOT_CHECKED if out_of_reach else Outcome.FAILED, [last_line])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
