"""The engine's process (LIFT_ENGINE=process): `python -m app.embedded.engine DESCRIPTOR`.

The descriptor is its way to the API, which says what to load. It ends with the API, and by itself
once its engine is broken, to be started again.
"""

import os
import sys
from multiprocessing.connection import Connection

import structlog

from app.embedded.child import Child
from app.engine.apart.breathing import breathing
from app.engine.apart.messages import NotLoaded
from app.lift.errors import LiftError
from app.logs import configure_logging
from app.settings import Settings

_log = structlog.get_logger()


def start_engine(descriptor: int) -> Child:
    """Start an engine's process that speaks through `descriptor`."""
    command = [sys.executable, "-P", "-m", "app.embedded.engine", str(descriptor)]
    return Child(command, descriptors=[descriptor])


def main() -> None:
    """Serve until the API is gone, or until the engine is broken."""
    configure_logging(form=Settings().log_format)
    connection = Connection(int(sys.argv[1]))
    try:
        with breathing(connection):
            from app.engine.apart.serving import load_engine  # who starts us loads no torch

            serving = load_engine(connection)
    except LiftError as error:
        connection.send(NotLoaded(str(error)))
        sys.exit(1)
    status = 0
    try:
        serving.run()
    except Exception:
        _log.exception("engine_broken")
        status = 1
    os._exit(status)  # threads may wait for what never comes


if __name__ == "__main__":
    main()
