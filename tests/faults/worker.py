"""A worker whose trainers have no model: `python -m tests.faults.worker BEHAVIOUR`.

What they can do stands in `tests/workers/fake_trainer.py`; `real` takes the real one.
"""

import sys

from tests.workers.fake_trainer import command
from workers import tasks
from workers.celery import app


def main() -> None:
    """Work until a signal comes."""
    if sys.argv[1] != "real":
        tasks.TRAINER = command(sys.argv[1])
    app.worker_main(["--quiet", "worker", "--loglevel", "INFO"])


if __name__ == "__main__":
    main()
