"""Short ways to say what a scrape finds: a number, numbers by label, a distribution."""

from collections.abc import Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from app.engine.measures import Distribution


def gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    """Return one number that goes up and down."""
    return GaugeMetricFamily(name, what, value)


def gauges(name: str, what: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """Return a number for each value of a label."""
    family = GaugeMetricFamily(name, what, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def counter(name: str, what: str, value: float) -> CounterMetricFamily:
    """Return one count; its name ends in `_total` by itself."""
    return CounterMetricFamily(name, what, value)


def counters(name: str, what: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    """Return a count for each value of a label."""
    family = CounterMetricFamily(name, what, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def histogram(name: str, what: str, counted: Distribution) -> HistogramMetricFamily:
    """Return a distribution, whose buckets count all that is not above them."""
    buckets, below = list[tuple[str, float]](), 0
    for bound, count in zip((*counted.bounds, float("inf")), counted.counts, strict=True):
        below += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), below))
    return HistogramMetricFamily(name, what, buckets=buckets, sum_value=counted.total)
