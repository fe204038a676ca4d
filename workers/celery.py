"""The Celery application of the workers. It imports no torch: only the trainer's process does."""

import logging
import os
from typing import Any

# Celery answers SIGTERM by waiting for the running task, which may take hours. Turned into SIGQUIT
# it stops the task instead, whose job goes back to the queue. Read when billiard is imported.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")

from celery import Celery
from celery.signals import celeryd_init, setup_logging, worker_process_init
from kombu.entity import Queue

from app.dispatch import broker_options, queue_of
from app.embedded.tether import die_with
from app.logs import configure_logging
from app.settings import Settings
from app.tracing import configure_tracing
from workers.devices import queues

_settings = Settings()
_OPTIONS: dict[str, Any] = {
    # A message is an id in JSON: whoever can write to the broker cannot run code here.
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_default_queue": queue_of(None),
    # The rows are the results.
    "task_ignore_result": True,
    # A message is done when its task has ended, not when it begins: the broker gives it to
    # another worker if this one dies. A second runner finds the job claimed and does nothing.
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    # A worker takes one job and no other in advance, which would wait behind it.
    "worker_prefetch_multiplier": 1,
    # A process of its own for the task: a worker stays reachable, and can stop it.
    "worker_pool": "prefork",
    # A broker that is away now comes back; until then, the rows wait.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # Training needs no broker: losing it for a moment must not throw hours away.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # A stopping worker lets a job that is just being published end. Then the task is interrupted,
    # and gives its trainer LIFT_GRACE_SECONDS to save what it has.
    "worker_soft_shutdown_timeout": 2.0,
    # What is logged goes to stderr already.
    "worker_redirect_stdouts": False,
}


def make_app(settings: Settings) -> Celery:
    """Return the application that runs the tasks in `workers.tasks`."""
    celery = Celery("lift", broker=settings.broker_url, include=["workers.tasks"])
    # Redis hands out unacknowledged messages again after this time, however busy their worker.
    transport = broker_options(settings.job_timeout_seconds)
    celery.conf.update(
        _OPTIONS,
        broker_transport_options=transport,
        # One training a device: it uses the whole accelerator, or all cores.
        worker_concurrency=len(settings.training_devices),
        task_queues=[Queue(name) for name in queues(settings)],
    )
    return celery


def _set_up_logging(loglevel: int = logging.WARNING, **_: object) -> None:
    configure_logging(form=_settings.log_format)
    logging.getLogger("celery").setLevel(loglevel)


def _die_with_the_worker(**_: object) -> None:
    die_with(os.getppid())  # and the trainer dies with us, so that a kill -9 leaves nothing


def _set_up_tracing(**_: object) -> None:
    configure_tracing("worker")  # here: no thread that sends would survive a fork


celeryd_init.connect(_set_up_logging)  # before Celery says its first word
setup_logging.connect(_set_up_logging)  # instead of Celery's own
worker_process_init.connect(_die_with_the_worker)
worker_process_init.connect(_set_up_tracing)
app = make_app(_settings)
