"""Whether the parts that a request needs work now."""

from collections.abc import Callable

import structlog
from sqlalchemy import select

from app.errors import NotReadyError
from app.models import Document
from app.services import Services

_log = structlog.get_logger()


def require_ready(services: Services) -> dict[str, str]:
    """Return what the engine says of itself.

    Raises:
        NotReadyError: a part does not work; the error names it.
    """
    checks: dict[str, Callable[[], object]] = {
        "database": lambda: _read_a_row(services),
        "broker": services.dispatcher.ping,
        "store": services.store.check_writable,
        "engine": services.answerer.check_running,
    }
    failed = [name for name, check in checks.items() if not _works(name, check)]
    if failed:
        raise NotReadyError(f"not working: {', '.join(failed)}", failed=failed)
    return services.answerer.describe()


def _works(name: str, check: Callable[[], object]) -> bool:
    try:
        check()
    except Exception as error:  # each part has its own errors, and any of them means the same
        _log.warning("not_ready", part=name, error=f"{type(error).__name__}: {error}")
        return False
    return True


def _read_a_row(services: Services) -> None:
    with services.database.reading() as session:
        session.execute(select(Document.id).limit(1))
