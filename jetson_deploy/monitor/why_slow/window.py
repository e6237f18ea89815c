"""The watched samples, and what is taken from all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jetson_deploy.deployment.plan import Speed
from jetson_deploy.monitor.alerts.window import mean, rises, total
from jetson_deploy.monitor.derived import decode_rate
from jetson_deploy.monitor.metric_readers import busiest_gpu, loaded, mean_load
from jetson_deploy.monitor.model_parts import Model
from jetson_deploy.monitor.sample import Sample


@dataclass(frozen=True)
class Facts:
    """What the samples do not hold."""

    ceiling_id: int | None = None
    """nvpmodel's id of the highest mode."""
    expected: Speed | None = None
    why_not_expected: str = "the catalog does not know this board or this model"
    kv_bytes_per_token: int | None = None
    """f16, for one request."""
    asked_rate: float | None = None
    """Tokens per second of what we asked for ourselves."""
    own_pid: int | None = None


@dataclass(frozen=True)
class Window:
    samples: tuple[Sample, ...]
    """Oldest first, at least one."""
    facts: Facts = field(default_factory=Facts)

    @property
    def last(self) -> Sample:
        return self.samples[-1]

    @property
    def seconds(self) -> float:
        return self.last.monotonic - self.samples[0].monotonic

    @property
    def model(self) -> Model | None:
        """The one that decoded most, else the first that is loaded."""
        models = loaded(self.last)
        risen = self.risen(lambda m: float(m.decode_tokens))
        return max(models, key=lambda one: risen.get(one.name) or 0.0, default=None)

    @property
    def rate(self) -> float | None:
        if self.facts.asked_rate is not None:
            return self.facts.asked_rate
        model = self.model
        return decode_rate(self.samples[0], self.last, model.name) if model else None

    @property
    def generating(self) -> bool | None:
        """None: unknown."""
        if self.facts.asked_rate is not None or self.rate is not None:
            return True
        seen = [s.llm.server.decoding for s in self.samples if s.llm.server is not None]
        known = [one for one in seen if one is not None]
        return any(known) if known else None

    @property
    def gpu_load(self) -> float | None:
        return mean(self.samples, busiest_gpu)

    @property
    def cpu_load(self) -> float | None:
        return mean(self.samples, mean_load)

    def mean(self, read: Callable[[Sample], float | None]) -> float | None:
        return mean(self.samples, read)

    def risen(self, read: Callable[[Model], float]) -> dict[str, float | None]:
        """Model → how far its counter rose."""
        return rises(self.samples, lambda s: [(m.name, read(m)) for m in s.llm.models])

    def rise(self, read: Callable[[Sample], float | None]) -> float | None:
        return total(rises(self.samples, lambda s: [("", read(s))]))
