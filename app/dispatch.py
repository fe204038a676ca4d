"""Tells the workers that a job waits. The message is a hint and carries the job's id only.

Knows the broker and the task's name; imports no worker.
"""

from typing import Any, Final

import structlog
from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError

TRAIN_DOCUMENT: Final = "lift.train_document"
RESEND_SECONDS: Final = 600.0
"""A job that still waits this long after its message is sent again: the broker may have lost it."""
MISSING_SECONDS: Final = 5.0
"""A job that waits this long while the broker has no message for such jobs is sent again, too."""

_QUEUE: Final = "lift"
_PATIENCE_SECONDS = 1.0
_log = structlog.get_logger()


def queue_of(device_kind: str | None) -> str:
    """Return the queue of jobs for one kind of device, or for any."""
    return f"{_QUEUE}.{device_kind}" if device_kind else _QUEUE


def broker_options(longest_task_seconds: float) -> dict[str, Any]:
    """Return the transport options that every process on this broker must share.

    Redis hands a message out again when it was not acknowledged for the *shortest* visibility
    timeout that any client names, however alive its worker is.
    """
    return {"visibility_timeout": 2 * longest_task_seconds}


class Dispatcher:
    """Sends messages; an absent broker costs a second, never an error."""

    def __init__(self, broker_url: str, longest_task_seconds: float) -> None:
        self._celery = Celery("lift-dispatcher", broker=broker_url, set_as_current=False)
        self._celery.conf.update(
            task_serializer="json",
            task_default_queue=queue_of(None),
            task_ignore_result=True,
            broker_connection_timeout=_PATIENCE_SECONDS,
            broker_transport_options=broker_options(longest_task_seconds)
            | {
                "max_retries": 0,
                "socket_connect_timeout": _PATIENCE_SECONDS,
                "socket_timeout": _PATIENCE_SECONDS,
            },
        )

    def send(self, job_id: str, device_kind: str | None) -> bool:
        """Tell the workers that train on such devices of a job; False if the broker is away."""
        try:
            # An expired message is dropped unread, so resending does not pile messages up.
            self._celery.send_task(
                TRAIN_DOCUMENT,
                args=[job_id],
                queue=queue_of(device_kind),
                expires=RESEND_SECONDS,
                retry=False,
            )
        except (OperationalError, OSError) as error:
            _log.warning("dispatch_failed", job_id=job_id, error=str(error))
            return False
        _log.info("job_dispatched", job_id=job_id)
        return True

    def has_messages(self, device_kind: str | None) -> bool:
        """Say whether messages wait for such workers.

        Raises:
            OperationalError or OSError: the broker is away.
        """
        with self._celery.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            queue = Queue(queue_of(device_kind)).bind(connection.default_channel)
            return bool(queue.queue_declare().message_count)

    def ping(self) -> None:
        """Raise `OperationalError` or `OSError` if the broker is away."""
        with self._celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)

    def close(self) -> None:
        """Close all connections."""
        self._celery.close()
