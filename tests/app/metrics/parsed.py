"""What Prometheus would read of an answer of `/metrics`."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


class Parsed:
    """The families of one answer."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: list[Metric] = list(text_string_to_metric_families(text))

    def value(self, name: str, **labels: str) -> float:
        """Return a sample that has to be there."""
        (found,) = [
            sample.value
            for family in self.families
            for sample in family.samples
            if (sample.name, sample.labels) == (name, labels)
        ]
        return found

    def labels(self, name: str) -> list[dict[str, str]]:
        """Return the labels of all samples of a name."""
        return [
            sample.labels
            for family in self.families
            for sample in family.samples
            if sample.name == name
        ]

    @property
    def names(self) -> set[str]:
        """All samples' names."""
        return {sample.name for family in self.families for sample in family.samples}


def collected(metrics: Iterable[Metric]) -> Parsed:
    """Return what a collector gives, as if it had been written and read."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Given(Collector):
        def collect(self) -> Iterable[Metric]:
            return metrics

    registry = CollectorRegistry()
    registry.register(Given())
    return Parsed(generate_latest(registry).decode())
