"""Number of connections and size of a request: chosen from the measured throughput."""

from __future__ import annotations

import msgspec

from jetson_deploy.settings import Settings
from jetson_deploy.store.rate import parse_rate

MIB = 1 << 20
MOST_CONNECTIONS = 16
"""As many as Ollama's own pull opens."""
SMALLEST_CHUNK = 4 * MIB
LARGEST_CHUNK = 64 * MIB
CHUNK_SECONDS = 4.0
"""A request lasts about so long: the pause of one round trip between two of them does not count then."""
SAMPLE_SECONDS = 1.0
WORTH_IT = 1.1
"""More connections are kept when they bring a tenth more."""
SETTLED_SAMPLES = 10
"""So long nothing is tried after a try that did not pay."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one transfer."""

    most_connections: int = MOST_CONNECTIONS
    checkpoint_bytes: int = 16 * MIB
    """Per connection: so much may have to be fetched again after a kill or a power cut."""
    bytes_per_second: float | None = None
    """A cap over all connections; None: none."""


def pace_from(settings: Settings, limit_rate: str | None = None) -> Pace:
    """`limit_rate`: a flag's text, before the environment's. Raises UsageError `bad-rate`."""
    text = limit_rate or settings.limit_rate
    rate = (parse_rate(text) or None) if text else None
    return Pace(checkpoint_bytes=settings.checkpoint_mib * MIB, bytes_per_second=rate)


class Climb:
    """Connections by trial: double while it pays, go back when it does not. `sample` is called about once a second."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.target = 1
        self._before: tuple[int, float] | None = None
        """Connections and rate before the last step, while that step is on trial."""
        self._settled = 0
        self.rate = 0.0
        """Bytes a second, smoothed."""

    def sample(self, rate: float) -> int:
        """The number of connections from now on."""
        self.rate = rate if not self.rate else (self.rate + rate) / 2
        if self._before is not None:
            connections, slower = self._before
            self._before = None
            if rate < slower * WORTH_IT:
                self.target, self._settled = connections, SETTLED_SAMPLES
                return self.target
        if self._settled:
            self._settled -= 1
        elif self.target < self._most:
            self._before = (self.target, rate)
            self.target = min(self.target * 2, self._most)
        return self.target

    @property
    def chunk_bytes(self) -> int:
        """What one request asks for, in whole MiB."""
        wanted = int(self.rate / self.target * CHUNK_SECONDS) if self.rate else 2 * SMALLEST_CHUNK
        return min(max(wanted, SMALLEST_CHUNK), LARGEST_CHUNK) // MIB * MIB
