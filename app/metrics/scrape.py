"""All metrics of one application, and how they are written down when somebody looks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from app.metrics.answers import AnswerMetrics
from app.metrics.disk import DiskCollector
from app.metrics.engine import EngineCollector
from app.metrics.http import HttpMetrics
from app.metrics.jobs import JobCollector
from app.services import Services

MEDIA_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

disable_created_metrics()  # type: ignore[no-untyped-call]  # gauges that tell when counts began


class Metrics:
    """The metrics of one application in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.http, self.answers = HttpMetrics(self._registry), AnswerMetrics(self._registry)
        ProcessCollector(registry=self._registry)
        self._threads = ThreadPoolExecutor(1, "job-metrics")

    def write(self, services: Services) -> bytes:
        """Return what this process counted, and what engine, database and disk say now."""
        asked = (
            EngineCollector(services.answerer),
            JobCollector(services.database, self._threads),
            DiskCollector(services.settings.data_dir),
        )
        return generate_latest(_Together(self._registry, *asked))


class _Together(Collector):
    def __init__(self, *collectors: Collector) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        """Give what all of them do."""
        return chain.from_iterable(each.collect() for each in self._collectors)
