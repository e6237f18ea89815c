"""The last sample as Prometheus' text. A scrape reads no hardware and asks no server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from jetson_deploy import __version__
from jetson_deploy.monitor.metrics import AGE_METRIC, ALERT_METRIC, Labels, firing_values, values
from jetson_deploy.monitor.monitor import Latest, Monitor

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric as Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The one format that every Prometheus reads."""
BUILD_METRIC = "jetson_deploy_build_info"


class Exposition:
    """`clock`: time.monotonic, by which samples carry their age."""

    def __init__(self, monitor: Monitor, clock: Callable[[], float]) -> None:
        from prometheus_client import CollectorRegistry

        self._monitor, self._clock = monitor, clock
        self._registry: CollectorRegistry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def collect(self) -> Iterator[Family]:
        """For the registry."""
        yield _family(BUILD_METRIC, "gauge", "Version of this exporter, always 1", ("version",), [((__version__,), 1)])
        if (latest := self._monitor.latest) is not None:
            yield from _of_sample(latest)
            age = max(0.0, self._clock() - latest.sample.monotonic)
            yield _family(AGE_METRIC, "gauge", "Age of the last sample at this scrape", (), [((), age)])


def _of_sample(latest: Latest) -> Iterator[Family]:
    for metric, found in values(latest.sample):
        yield _family(metric.name, metric.kind, metric.help, metric.labels, found)
    labels = ("alert", "severity", "subject")
    yield _family(ALERT_METRIC, "gauge", "1: this alert fires", labels, firing_values(latest.firing))


def _family(name: str, kind: str, text: str, labels: tuple[str, ...], found: Iterable[tuple[Labels, float]]) -> Family:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    # No `unit`: prometheus_client would append it to names that end in `_total` or `_rpm`.
    made = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    family = made(name, text, labels=labels)
    for key, value in _distinct(found).items():
        family.add_metric(key, float(value))
    return family


def _distinct(found: Iterable[tuple[Labels, float]]) -> dict[Labels, float]:
    """Two parts with one name, as drivers have them, are the larger one: a series that comes twice spoils the scrape.

    Lone surrogates, from damaged names, are no UTF-8.
    """
    seen: dict[Labels, float] = {}
    for labels, value in found:
        key = tuple(one.encode("utf-8", "replace").decode() for one in labels)
        seen[key] = max(value, seen.get(key, value))
    return seen
