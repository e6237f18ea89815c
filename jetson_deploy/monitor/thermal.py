"""Distance of a zone from the temperature at which the kernel throttles."""

from __future__ import annotations

from jetson_deploy.monitor.board_parts import Zone
from jetson_deploy.monitor.sample import Board

_CRITICAL_MARGIN = 20.0
_UNKNOWN_TRIP = 95.0
"""Where a zone has no passive trip that throttles (Thor lists a critical one alone): 20 °C below critical, at most
95 °C. Our own default."""
HOT_SURFACE = 85.0
"""°C. Orin's passive trip at 70 °C drives `hot-surface-alert` alone; where the kernel does not say what a trip drives,
passive trips below this are taken for it."""
_CLOCKS = ("cpufreq-", "devfreq-", "thermal-cpufreq", "thermal-devfreq")


def throttle_trip(zone: Zone) -> float | None:
    """°C at which thermal throttling of this zone begins, listed or assumed; None: the zone has no trips at all."""
    passive = _throttling_trips(zone)
    if passive:
        return min(passive)
    critical = [t.celsius for t in zone.trips if t.kind == "critical"]
    return min(min(critical) - _CRITICAL_MARGIN, _UNKNOWN_TRIP) if critical else None


def is_assumed(zone: Zone) -> bool:
    """The board does not list the temperature at which thermal throttling of this zone begins."""
    return not _throttling_trips(zone)


def headroom(zone: Zone) -> float | None:
    """Degrees left; negative above the trip; None when temperature or trip is unknown."""
    trip = throttle_trip(zone)
    return None if trip is None or zone.celsius is None else trip - zone.celsius


def nearest(board: Board) -> Zone | None:
    """The zone with the fewest degrees left, which need not be the warmest; None: no trip is known."""
    known = [(left, zone) for zone in board.zones if (left := headroom(zone)) is not None]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def warmest(board: Board) -> Zone | None:
    known = [(zone.celsius, zone) for zone in board.zones if zone.celsius is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def throttling(board: Board) -> bool | None:
    """Thermal throttling is active now; None: there is no cooling device to read."""
    states = [cooler.state > 0 for cooler in board.coolers if cooler.throttles]
    return any(states) if states else None


def _throttling_trips(zone: Zone) -> list[float]:
    return [t.celsius for t in zone.trips if t.kind == "passive" and _throttles(t.bound, t.celsius)]


def _throttles(bound: tuple[str, ...], celsius: float) -> bool:
    if bound:
        return any(kind.startswith(_CLOCKS) or kind.endswith("-throttle-alert") for kind in bound)
    return celsius >= HOT_SURFACE
