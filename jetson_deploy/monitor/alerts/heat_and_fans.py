"""Signals of heat and fans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jetson_deploy.monitor.alerts.signal import Signal, Values
from jetson_deploy.monitor.alerts.window import last, rises, total
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.thermal import headroom, is_assumed, nearest, throttle_trip, throttling

_EVENT_SECONDS = 10.0


def _headroom(window: Sequence[Sample]) -> Values:
    zone = nearest(window[-1].board)
    return {"": headroom(zone) if zone else None}


def _throttling(window: Sequence[Sample]) -> Values:
    now = throttling(window[-1].board)
    begun = total(rises(last(window, _EVENT_SECONDS), lambda s: [(e.domain, e.count) for e in s.board.throttle_events]))
    if now is None and begun is None:
        return {"": None}
    return {"": float(bool(now) or bool(begun))}


def _stuck_fans(window: Sequence[Sample]) -> Values:
    return {
        fan.name: None if fan.ratio is None or fan.rpm is None else float(fan.ratio > 0 and fan.rpm == 0)
        for fan in window[-1].board.fans
    }


def _fan_duty(window: Sequence[Sample], subject: str) -> str:
    duty = next((fan.ratio for fan in window[-1].board.fans if fan.name == subject), None)
    return "unknown" if duty is None else f"{duty:.0%}"


def _zone_word(window: Sequence[Sample], _: str) -> str:
    zone = nearest(window[-1].board)
    return zone.name if zone else "unknown"


def _celsius_word(window: Sequence[Sample], _: str) -> str:
    zone = nearest(window[-1].board)
    return "unknown" if zone is None or zone.celsius is None else f"{zone.celsius:.0f} °C"


def _trip_word(window: Sequence[Sample], _: str) -> str:
    zone = nearest(window[-1].board)
    trip = throttle_trip(zone) if zone else None
    if zone is None or trip is None:
        return "unknown"
    return f"{trip:.0f} °C" + (" (assumed)" if is_assumed(zone) else "")


_THERMAL = {"zone": _zone_word, "celsius": _celsius_word, "trip": _trip_word}

HEAT_AND_FANS: Mapping[str, Signal] = {
    "thermal_headroom": Signal(
        read=_headroom,
        promql="min by (instance) (jetson_temperature_headroom_celsius)",
        unit="celsius",
        help="Degrees from the zone that is nearest to its temperature of thermal throttling",
        words=_THERMAL,
    ),
    "throttling": Signal(
        read=_throttling,
        promql="max by (instance) (jetson_throttling or increase(jetson_throttle_events_total[1m]))",
        unit="flag",
        help="1: thermal throttling is active, or a throttle alert began in the last 10 s; not the 70 °C hot surface",
        words=_THERMAL,
    ),
    "fan_stuck": Signal(
        read=_stuck_fans,
        promql="(jetson_fan_speed_ratio > bool 0) * (jetson_fan_speed_rpm == bool 0)",
        unit="flag",
        help="1: the fan is driven and does not turn",
        words={"duty": _fan_duty},
    ),
}
