"""What the engine tells of itself, asked at each scrape: in this process, or in one of its own."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import InfoMetricFamily

from app.engine.answerer import Answerer
from app.engine.errors import EngineError
from app.engine.measures import BankMeasures, BatchMeasures, DeviceMemory, PrefixMeasures
from app.metrics.families import counter, counters, gauge, gauges, histogram


class EngineCollector:
    """Reads one engine. While it does not run, all that is told is that."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def collect(self) -> Iterator[Metric]:
        """Give what the engine tells."""
        measures = None
        try:
            self._answerer.check_running()
            measures = self._answerer.measures()
        except EngineError:
            pass  # `lift_engine_up` tells, and the engine's own log says why
        yield gauge("lift_engine_up", "Whether questions are answered now.", measures is not None)
        if measures is None:
            return
        yield InfoMetricFamily("lift_engine", "The base model.", _named(self._answerer.describe()))
        yield gauge(
            "lift_engine_start_time_seconds",
            "When the engine was started, in seconds since 1970; its counts begin there.",
            measures.started_at,
        )
        yield from _batch(measures.batch)
        yield from _prefixes(measures.prefixes)
        yield from _bank(measures.bank)
        if measures.device:
            yield from _device(measures.device)


def _named(description: dict[str, str]) -> dict[str, str]:
    """Leave out the fingerprint: a hash that no graph needs."""
    return {name: value for name, value in description.items() if name != "fingerprint"}


def _batch(batch: BatchMeasures) -> Iterator[Metric]:
    yield gauge(
        "lift_num_requests_running", "Questions that are being answered.", batch.num_running
    )
    yield gauge(
        "lift_num_requests_waiting", "Questions that wait for their turn.", batch.num_waiting
    )
    yield histogram(
        "lift_step_duration_seconds",
        "Time of one step: a forward pass and what follows it.",
        batch.step_seconds,
    )
    yield histogram(
        "lift_iteration_tokens", "Tokens that one step read, of all questions.", batch.step_tokens
    )


def _prefixes(prefixes: PrefixMeasures) -> Iterator[Metric]:
    yield counter(
        "lift_prefix_cache_queries",
        "Tokens of documents' beginnings that questions wanted.",
        prefixes.num_queried,
    )
    yield counter(
        "lift_prefix_cache_hits",
        "Those of them that had been read before, with the same memory.",
        prefixes.num_hit,
    )
    yield gauge("lift_prefix_cache_bytes", "What kept beginnings take.", prefixes.size_bytes)


def _bank(bank: BankMeasures) -> Iterator[Metric]:
    yield gauges(
        "lift_adapters",
        "Documents' memories that the engine knows, by where they are.",
        "tier",
        {tier.value: kept.num for tier, kept in bank.kept.items()},
    )
    yield gauges(
        "lift_adapter_bytes",
        "Main memory that documents' memories take, by where else they are.",
        "tier",
        {tier.value: kept.size_bytes for tier, kept in bank.kept.items()},
    )
    yield gauge("lift_adapters_pinned", "Memories that an operator keeps.", bank.num_pinned)
    yield gauge("lift_adapter_slots", "Memories that answers can read at once.", bank.num_slots)
    yield gauge("lift_adapter_limit_bytes", "Main memory that memories may take.", bank.most_bytes)
    yield counters(
        "lift_adapter_evictions",
        "Memories that had to leave for others: `slot` kept them in main memory, `host` did not.",
        "tier",
        {"slot": bank.num_displaced, "host": bank.num_evicted},
    )
    yield counter("lift_adapter_slot_copies", "Memories copied into a slot.", bank.num_copied)
    yield counter("lift_adapter_load_failures", "Memories that could not be had.", bank.num_failed)
    yield histogram(
        "lift_adapter_load_seconds",
        "Time to read a memory from its file, in a bucket perhaps.",
        bank.load_seconds,
    )


def _device(device: DeviceMemory) -> Iterator[Metric]:
    yield gauge("lift_gpu_memory_size_bytes", "Memory of the engine's GPU.", device.size_bytes)
    yield gauge("lift_gpu_memory_free_bytes", "What of it nobody has.", device.free_bytes)
    yield gauge(
        "lift_gpu_memory_allocated_bytes", "What the engine's tensors hold.", device.allocated_bytes
    )
    yield gauge(
        "lift_gpu_memory_reserved_bytes",
        "What the engine's allocator holds, tensors included.",
        device.reserved_bytes,
    )
