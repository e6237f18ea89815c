"""Signals of power and clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from jetson_deploy.monitor.alerts.signal import Signal, Values
from jetson_deploy.monitor.alerts.window import last, mean, rises, span, was
from jetson_deploy.monitor.board_parts import Rail
from jetson_deploy.monitor.metric_readers import mean_load
from jetson_deploy.monitor.sample import Sample

_EVENT_SECONDS = 10.0
_RATE_SECONDS = 60.0
_INPUT_RAILS = ("VDD_IN", "POM_5V_IN", "5V_IN", "VDD_5V_IN")
"""Input rails of the modules that live on 5 V."""
_HIGHEST_5V = 6.0
"""A carrier that feeds more than this does not feed 5 V."""
_BUSY = 0.5
_NO_LIMIT = ("MAXN",)


def _over_currents(line: str, seconds: float, window: Sequence[Sample]) -> float | None:
    recent = last(window, seconds)
    return rises(recent, lambda s: [(o.line, o.count) for o in s.board.over_currents]).get(line)


def _undervoltage(window: Sequence[Sample]) -> Values:
    return {"": _over_currents("oc1", _EVENT_SECONDS, window)}


def _input_rails(sample: Sample) -> Iterator[Rail]:
    for rail in sample.board.rails:
        if rail.name in _INPUT_RAILS and (rail.volts is None or 0 < rail.volts < _HIGHEST_5V):
            yield rail


def _input_volts(window: Sequence[Sample]) -> Values:
    return {rail.name: rail.volts for rail in _input_rails(window[-1])}


def _average_power(window: Sequence[Sample]) -> Values:
    events = _over_currents("oc2", _EVENT_SECONDS, window)
    alarms = [rail.alarm for rail in window[-1].board.rails if rail.alarm is not None]
    if events is None and not alarms:
        return {"": None}
    return {"": (events or 0.0) + sum(alarms)}


def _current_ratio(window: Sequence[Sample]) -> Values:
    return {
        rail.name: None if rail.amperes is None else rail.amperes / rail.crit_amperes
        for rail in window[-1].board.rails
        if rail.crit_amperes
    }


def _rail_current(window: Sequence[Sample], subject: str) -> str:
    rail = next((one for one in window[-1].board.rails if one.name == subject), None)
    if rail is None or rail.amperes is None or rail.crit_amperes is None:
        return "unknown"
    return f"{rail.amperes:.2f} A of {rail.crit_amperes:.2f} A"


def _oc3_rate(window: Sequence[Sample]) -> Values:
    recent = last(window, _RATE_SECONDS)
    risen, seconds = _over_currents("oc3", _RATE_SECONDS, window), span(recent)
    return {"": None if risen is None or seconds <= 0 else risen / seconds}


def _oc3_rate_in_limited_mode(window: Sequence[Sample]) -> Values:
    name = window[-1].board.power_mode.name
    return {} if name is None or name.startswith(_NO_LIMIT) else _oc3_rate(window)


def _slow_after_oc3(window: Sequence[Sample]) -> Values:
    """CPU clock as a share of what is allowed, after an over-current event, while the CPUs have work: an idle CPU
    is slow because it has no work."""
    board = window[-1].board
    counts = [one.count for one in board.over_currents if one.line == "oc3"]
    clocks = [
        c.hertz / c.max_hertz for c in board.cpus if c.hertz is not None and c.max_hertz and c.online is not False
    ]
    load = mean(last(window, _EVENT_SECONDS), mean_load)
    if not counts or not clocks or load is None:
        return {"": None}
    return {"": max(clocks) if sum(counts) > 0 and load > _BUSY else 1.0}


def _lost_clocks(window: Sequence[Sample]) -> Values:
    pinned = window[-1].board.clocks_pinned
    if pinned is None:
        return {"": None}
    return {"": float(not pinned and was(window, lambda s: s.board.clocks_pinned is True))}


def _lowered_mode(window: Sequence[Sample]) -> Values:
    """Where the names tell no order, any other mode than before counts."""
    mode = window[-1].board.power_mode
    if mode.at_ceiling is not None:
        return {"": float(not mode.at_ceiling and was(window, lambda s: s.board.power_mode.at_ceiling is True))}
    if mode.id is None and mode.name is None:
        return {"": None}
    return {"": float(_mode_before(window) not in ("", _mode_name(window[-1])))}


def _mode_name(sample: Sample) -> str:
    mode = sample.board.power_mode
    return mode.name or ("" if mode.id is None else f"mode {mode.id}")


def _mode_before(window: Sequence[Sample]) -> str:
    """The highest one where the names tell, else the first that was seen."""
    at_ceiling = (_mode_name(s) for s in window if s.board.power_mode.at_ceiling)
    return next(at_ceiling, "") or next((name for s in window if (name := _mode_name(s))), "")


_MODE = {
    "mode": lambda window, _: _mode_name(window[-1]) or "unknown",
    "before": lambda window, _: _mode_before(window),
}


def _events(line: str) -> str:
    return f'sum by (instance) (increase(jetson_overcurrent_events_total{{line="{line}"}}[1m]))'


_OC3_RATE = 'sum by (instance) (rate(jetson_overcurrent_events_total{line="oc3"}[1m]))'

POWER_AND_CLOCKS: Mapping[str, Signal] = {
    "undervoltage_events": Signal(
        read=_undervoltage,
        promql=_events("oc1"),
        unit="",
        help="OC1 events (input below about 4.5 V) in the last 10 s; Prometheus: in the last minute",
    ),
    "input_volts": Signal(
        read=_input_volts,
        promql=f'jetson_voltage_volts{{rail=~"{"|".join(_INPUT_RAILS)}"}} < {_HIGHEST_5V:g}',
        unit="volts",
        help="Input of a module that lives on 5 V",
    ),
    "average_power_events": Signal(
        read=_average_power,
        promql=_events("oc2"),
        unit="",
        help="OC2 events in the last 10 s and rails in alarm; Prometheus: events in the last minute alone",
    ),
    "current_ratio": Signal(
        read=_current_ratio,
        promql="jetson_current_amperes / jetson_current_critical_amperes",
        unit="ratio",
        help="Current of a rail over its critical limit",
        words={"current": _rail_current},
    ),
    "oc3_rate": Signal(
        read=_oc3_rate, promql=_OC3_RATE, unit="per second", help="OC3 events a second, last minute", words=_MODE
    ),
    "oc3_rate_in_limited_mode": Signal(
        read=_oc3_rate_in_limited_mode,
        promql=f'{_OC3_RATE} unless on (instance) jetson_power_mode_info{{name=~"MAXN.*"}}',
        unit="per second",
        help="OC3 events a second in a power mode other than MAXN*, where they are not expected",
        words=_MODE,
    ),
    "cpu_clock_after_oc3": Signal(
        read=_slow_after_oc3,
        promql=(
            "max by (instance) (jetson_cpu_frequency_hertz / jetson_cpu_frequency_max_hertz)"
            ' and on (instance) jetson_overcurrent_events_total{line="oc3"} > 0'
            f" and on (instance) jetson_cpu_load_mean_ratio > {_BUSY:g}"
        ),
        unit="ratio",
        help="Fastest CPU clock over what is allowed, while the CPUs have work and OC3 happened since the boot",
    ),
    "clocks_lost": Signal(
        read=_lost_clocks,
        promql="max by (instance) (max_over_time(jetson_clocks_pinned[1h]) - jetson_clocks_pinned)",
        unit="flag",
        help="1: clocks were pinned (jetson_clocks) within the last hour and are not any more",
    ),
    "power_mode_lowered": Signal(
        read=_lowered_mode,
        promql="max by (instance) (max_over_time(jetson_power_mode_at_ceiling[1h]) - jetson_power_mode_at_ceiling)",
        unit="flag",
        help="1: the highest power mode was set within the last hour and is not any more",
        words=_MODE,
    ),
}
