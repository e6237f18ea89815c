"""Temperature, power, fan, and the causes of throttling."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.cli.monitor.screen.compute import history
from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.glyphs import sparkline
from jetson_deploy.cli.monitor.screen.lines import LABEL, Block, Section, Span, Style, cells, clean, flowed, row
from jetson_deploy.monitor.board_parts import Cooler, Fan, OverCurrent, Power, Rail, Zone
from jetson_deploy.monitor.derived import over_current_rate
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.thermal import headroom, is_assumed, nearest, throttle_trip, throttling, warmest

_NEAR = 10.0
"""Degrees below the trip from which on it is marked."""


def heat(frame: Frame) -> Section:
    return Section((*_temperatures(frame), *_power(frame), *_cooling(frame)))


def hottest(sample: Sample) -> Zone | None:
    """The zone nearest to its trip; without trips the warmest."""
    return nearest(sample.board) or warmest(sample.board)


def _temperatures(frame: Frame) -> Iterator[Block]:
    zone = hottest(frame.sample)
    if zone is None:
        yield Block(1, (row("temp", ("-", "")),))
        return
    left, trip = headroom(zone), throttle_trip(zone)
    text = f"{_short(zone.name)} {figures.celsius(zone.celsius, frame.glyphs.degree)}"
    spans: list[Span] = [(text, _style(left))]
    if left is not None and trip is not None:
        beyond = f"  {left:.1f} below its limit of {trip:g}" if left > 0 else f"  AT ITS LIMIT of {trip:g}"
        beyond += " (assumed)" if is_assumed(zone) else ""
        spans.append((beyond, _style(left) if left < _NEAR else ""))
    yield Block(1, (row("temp", *_with_line(frame, spans, _hottest, 30.0, trip or 100.0)),))
    others = [one for one in frame.board.zones if one is not zone]
    yield from flowed(2, "", [_zone(frame, one) for one in others], frame.width, more=3)
    yield history(frame, frame.series(_hottest, frame.width), 30.0, trip or 100.0, lambda value: f"{value:.0f} C")


def _hottest(sample: Sample) -> float | None:
    zone = hottest(sample)
    return zone.celsius if zone else None


def _zone(frame: Frame, zone: Zone) -> list[Span]:
    left = headroom(zone)
    text = f"{_short(zone.name)} {figures.celsius(zone.celsius, frame.glyphs.degree)}"
    near = f" ({left:.1f} left)" if left is not None and left < _NEAR else ""
    return [(text + near, _style(left) if near else "")]


def _short(name: str) -> str:
    return clean(name.removesuffix("-thermal"))


def _style(left: float | None) -> Style:
    if left is None:
        return ""
    return "bad" if left <= 0 else "warn" if left < _NEAR else "good"


def _with_line(
    frame: Frame, spans: list[Span], read: Callable[[Sample], float | None], low: float, high: float | None
) -> list[Span]:
    used = sum(cells(text) for text, _ in spans)
    room = frame.width - LABEL - max(used, 42) - 2
    if room < 8:
        return spans
    line = sparkline(frame.series(read, room), room, low, high, glyphs=frame.glyphs)
    return [*spans, (" " * (max(0, 42 - used) + 2), ""), (line, "good")]


def _watts(sample: Sample) -> float | None:
    return sample.board.power.watts if sample.board.power else None


def _power(frame: Frame) -> Iterator[Block]:
    power, rails = frame.board.power, frame.board.rails
    if power is None:
        yield Block(1, (row("power", ("-", "")),))
    else:
        spans: list[Span] = [(figures.watts(power.watts), "bold"), (f" {_what(power, rails)}", "")]
        spans.append((f"  {figures.joules(frame.sample.energy_joules)} since start", ""))
        yield Block(1, (row("power", *_with_line(frame, spans, _watts, 0.0, None)),))
    yield from flowed(3, "", [_rail(one) for one in rails if power is None or one.watts != power.watts], frame.width)
    yield from flowed(6, "", [_supply(one) for one in rails if one.volts is not None], frame.width)
    if power is not None:
        yield history(frame, frame.series(_watts, frame.width), 0.0, None, lambda value: f"{value:.0f} W")


def _what(power: Power, rails: tuple[Rail, ...]) -> str:
    if power.method == "sum":
        return "sum of the rails"
    return next((f"at {clean(one.name)}" for one in rails if one.watts == power.watts), "in all")


def _rail(rail: Rail) -> list[Span]:
    text = f"{clean(rail.name)} {figures.watts(rail.watts)}"
    return [(text + " ALARM", "bad")] if rail.alarm else [(text, "")]


def _supply(rail: Rail) -> list[Span]:
    text = f"{clean(rail.name)} {figures.number(rail.volts, '.2f')} V {figures.number(rail.amperes, '.2f')} A"
    if rail.crit_amperes is not None:
        text += f" of {rail.crit_amperes:.2f} A"
    return [(text, "dim")]


def _one_fan(fan: Fan) -> list[Span]:
    stuck = bool(fan.ratio) and fan.rpm == 0
    text = f"{clean(fan.name)} {figures.percent(fan.ratio)} at {figures.number(fan.rpm, '.0f')} rpm"
    return [(text + " STANDS STILL", "bad")] if stuck else [(text, "")]


def _cooling(frame: Frame) -> Iterator[Block]:
    fans = [_one_fan(one) for one in frame.board.fans] or [[("-", "")]]
    state = throttling(frame.board)
    active = [one for one in frame.board.coolers if one.throttles and one.state > 0]
    said: Span = ("throttled by heat: -", "")
    if state is not None:
        said = ("THROTTLED by heat", "bad") if state else ("not throttled by heat", "good")
    yield from flowed(2, "fan", [*fans, [said], *[_cooler(one) for one in active]], frame.width, more=0)
    counted = [one for one in frame.board.throttle_events if one.count]
    events: list[list[Span]] = [[(f"{clean(e.domain)} {e.count} times", "warn")] for e in counted]
    yield from flowed(6, "", events, frame.width)
    yield from flowed(3, "", [_current(frame, one) for one in frame.board.over_currents], frame.width)


def _cooler(one: Cooler) -> list[Span]:
    of = "" if one.max_state is None else f" of {one.max_state}"
    return [(f"{clean(one.kind)} at {one.state}{of}", "bad")]


_MEANING = {"oc1": "under-voltage", "oc2": "average power", "oc3": "peaks"}


def _current(frame: Frame, one: OverCurrent) -> list[Span]:
    rate = over_current_rate(frame.before, frame.sample, one.line) if frame.before else None
    text = f"{one.line} {_MEANING.get(one.line, 'over-current')} {one.count}"
    text += f" (+{rate:.1f}/s)" if rate else ""
    bad = bool(rate) and one.line in ("oc1", "oc2")
    return [(text, "bad" if bad else "")]
