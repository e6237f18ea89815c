"""Factors of the board: power mode, clocks, heat, current."""

from __future__ import annotations

from jetson_deploy.monitor.alerts.window import rises
from jetson_deploy.monitor.board_parts import Gpu
from jetson_deploy.monitor.thermal import headroom, nearest, throttling, warmest
from jetson_deploy.monitor.why_slow.factor import Factor, fine, held, unseen
from jetson_deploy.monitor.why_slow.window import Window

_BELOW = 0.9
"""Share of the highest clock from which on a GPU counts as running at it."""
_LITTLE = 5.0
"""Degrees left that are worth a word."""
_MANY_OC3 = 20.0
"""A second; as the alert oc3-storm."""


def power_mode(window: Window) -> Factor:
    mode = window.last.board.power_mode
    name = mode.name or (None if mode.id is None else f"id {mode.id}")
    if name is None:
        return unseen("power-mode", "nvpmodel's status cannot be read")
    if mode.at_ceiling is None:
        return unseen("power-mode", f"it is {name}; the names of this board's modes do not show which is the highest")
    if mode.at_ceiling:
        return fine("power-mode", f"{name}, the highest of this board")
    which = "ID" if window.facts.ceiling_id is None else str(window.facts.ceiling_id)
    return held(
        "power-mode",
        f"{name}; the highest of this board is {mode.ceiling}",
        "GPU, CPU and memory clocks are capped, and decoding is as fast as the memory is read",
        f"sudo nvpmodel -m {which}" + (" (sudo nvpmodel -p --verbose lists them)" if which == "ID" else ""),
    )


def clocks(window: Window) -> Factor:
    board = window.last.board
    gpu = next((one for one in board.gpus if one.hertz is not None and one.max_hertz), None)
    if gpu is None or not gpu.max_hertz:
        return unseen("clocks", "the GPU's clock cannot be read")
    top = f"{gpu.max_hertz / 1e6:.0f} MHz"
    if board.clocks_pinned:
        return fine("clocks", f"pinned, the GPU at {top}")
    if not window.generating:
        return unseen("clocks", f"they vary (up to {top}) and fall when nothing is generated")
    seen = window.mean(lambda s: next((one.hertz for one in s.board.gpus if one.name == gpu.name), None))
    if seen is None or seen >= _BELOW * gpu.max_hertz:
        return fine("clocks", f"not pinned, but the GPU is at {_mhz(seen or gpu.hertz)} of {top} while it works")
    return held(
        "clocks",
        f"the GPU runs at {_mhz(seen)} of {top} while it works{_governed(gpu)}",
        "the governor raises clocks late and lowers them between bursts",
        "sudo jetson_clocks",
    )


def _mhz(hertz: float | None) -> str:
    return "-" if hertz is None else f"{hertz / 1e6:.0f} MHz"


def _governed(gpu: Gpu) -> str:
    return f" (governor {gpu.governor})" if gpu.governor else ""


def heat(window: Window) -> Factor:
    states = [throttling(sample.board) for sample in window.samples]
    risen = rises(window.samples, lambda s: [(e.domain, float(e.count)) for e in s.board.throttle_events])
    events = [domain for domain, count in risen.items() if count]
    zone = nearest(window.last.board) or warmest(window.last.board)
    where = f"{zone.name} at {zone.celsius:.1f} °C" if zone and zone.celsius is not None else "no temperature is known"
    if any(states) or events:
        acting = sorted({c.kind for s in window.samples for c in s.board.coolers if c.throttles and c.state > 0})
        return held(
            "heat",
            f"{where}; clocks are throttled by {', '.join([*acting, *events])}{_fan(window)}",
            "clocks stay low until the board is cooler",
            "sudo jetson_clocks --fan (fan at full speed); free the heat sink, or a lower power mode",
        )
    left = headroom(zone) if zone else None
    if left is None and not any(state is not None for state in states):
        return unseen("heat", "this board lists neither trip points nor cooling devices")
    rest = "" if left is None else f", {left:.1f} °C below the limit"
    warning = "; a longer load may reach it" if left is not None and left < _LITTLE else ""
    return fine("heat", f"{where}{rest}{warning}{_fan(window)}")


def _fan(window: Window) -> str:
    ratios = [fan.ratio for fan in window.last.board.fans if fan.ratio is not None]
    return f"; the fan is at {max(ratios):.0%}" if ratios else ""


def current(window: Window) -> Factor:
    lines = window.last.board.over_currents
    alarms = sorted({rail.name for s in window.samples for rail in s.board.rails if rail.alarm})
    if not lines and not alarms:
        return unseen("current", "this board has no over-current counters that this user may read")
    risen = rises(window.samples, lambda s: [(one.line, float(one.count)) for one in s.board.over_currents])
    events = {line: count or 0.0 for line, count in risen.items()}
    if events.get("oc1"):
        return held(
            "current",
            f"under-voltage (oc1) {events['oc1']:.0f} times in {window.seconds:.0f} s",
            "each event throttles the clocks at once",
            "use the supply and the cable that belong to the board",
        )
    if events.get("oc2") or alarms:
        what = f"average power (oc2) {events.get('oc2', 0):.0f} times" if events.get("oc2") else "alarm of a rail"
        return held(
            "current",
            what + (f" ({', '.join(alarms)})" if alarms else "") + f" in {window.seconds:.0f} s",
            "the board's power limit throttles the clocks",
            "sudo nvpmodel -m ID with a mode of less power, or a stronger supply",
        )
    return _peaks(window, events.get("oc3", 0.0))


def _peaks(window: Window, count: float) -> Factor:
    """OC3: about 1 ms at half the clock each; expected on MAXN and MAXN_SUPER."""
    rate = count / window.seconds if window.seconds > 0 else 0.0
    highest = (window.last.board.power_mode.name or "").startswith("MAXN")
    if rate > _MANY_OC3 and not highest:
        return held(
            "current",
            f"short peaks (oc3) {rate:.0f} times a second, which this power mode should not have",
            "each halves the clocks for about 1 ms",
            "check the supply and its cable",
        )
    if rate > 0:
        return fine("current", f"short peaks (oc3) {rate:.1f} times a second: about 1 ms at half the clock each")
    return fine("current", "no over-current event")
