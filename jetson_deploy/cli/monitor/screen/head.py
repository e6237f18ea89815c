"""Top and bottom: what board this is, what fires, which source cannot be used, and the keys."""

from __future__ import annotations

import time

from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.lines import Block, Line, Section, Span, Style, broken, clean, fitted, flow
from jetson_deploy.monitor.alerts.firing import Firing

_WORDS: dict[str, tuple[str, Style]] = {
    "critical": ("!! CRITICAL", "bad"),
    "warning": ("! WARNING", "warn"),
    "info": ("i note", "dim"),
}
_ORDER = list(_WORDS)


def title(frame: Frame) -> list[Line]:
    who, sample = frame.sample.identity, frame.sample
    clock = time.strftime("%H:%M:%S", time.localtime(sample.at))
    left: list[Span] = [(f"{clean(who.hostname)}  ", "")] if who.hostname else []
    left.append((_board(clean(who.model or who.board or "board unknown")), "bold"))
    if who.board and who.model:
        left.append((f" ({clean(who.board)})", ""))
    up = f"up {figures.duration(sample.board.uptime_seconds)}  "
    lines: list[Line] = [_apart(left, [(up, ""), (clock, "dim")], frame.width)]
    lines += flow("", _identity(frame), frame.width)
    if sample.simulated:
        lines += [
            ((text, "warn"),) for text in broken(clean(sample.simulated), frame.width, "simulated: ", "           ")
        ]
    return [_outdented(line) for line in lines]


def _board(text: str) -> str:
    """Without the words that every kit has."""
    for word in ("NVIDIA ", "Engineering Reference ", "Developer Kit"):
        text = text.replace(word, "")
    return " ".join(text.split())


def _outdented(line: Line) -> Line:
    """The rows of the head have no subject."""
    return line[1:] if line and line[0][1] == "title" and not line[0][0].strip() else line


def _identity(frame: Frame) -> list[list[Span]]:
    who, board = frame.sample.identity, frame.board
    release = f"L4T {who.l4t or '-'}" + (f" (JetPack {who.jetpack})" if who.jetpack else "")
    items: list[list[Span]] = [[(release, "")]]
    if who.kernel and frame.wide:
        items.append([(f"kernel {clean(who.kernel)}", "dim")])
    items += [_mode(frame), [_clocks(board.clocks_pinned)]]
    return items


def _mode(frame: Frame) -> list[Span]:
    mode = frame.board.power_mode
    name = clean(mode.name or (None if mode.id is None else f"id {mode.id}"))
    if mode.at_ceiling:
        return [("mode ", ""), (name, "good"), (" (highest)", "")]
    if mode.at_ceiling is False:
        return [("mode ", ""), (name, "warn"), (f" (below {clean(mode.ceiling)})", "warn")]
    return [("mode ", ""), (name, "")]


def _clocks(pinned: bool | None) -> Span:
    if pinned is None:
        return ("clocks -", "")
    return ("clocks pinned", "good") if pinned else ("clocks vary", "")


def alerts(frame: Frame, width: int) -> list[Block]:
    """The worst first, each with cause and fix."""
    firing = sorted(frame.firing, key=lambda one: (one.silenced, _ORDER.index(one.severity), one.since))
    return [_alert(one, number, width) for number, one in enumerate(firing)]


def more_alerts(count: int) -> Line:
    return ((f"and {count} more: jetson-deploy monitor alerts", "warn"),)


def _alert(one: Firing, number: int, width: int) -> Block:
    word, style = _WORDS[one.severity]
    if one.silenced:
        quiet: Line = ((f"silenced: {clean(one.title)} {clean(one.subject) if one.subject else ''}", "dim"),)
        return Block(6, (quiet,))
    subject = f" ({clean(one.subject)})" if one.subject and one.subject not in one.cause else ""
    head = broken(f"{clean(one.title)}{subject}: {clean(one.cause)}", width, f"{word} ", "  ")
    lines: list[Line] = [((text, style),) for text in head]
    if one.severity == "info":
        return Block(5, tuple(lines))
    lines += [((text, ""),) for text in broken(clean(one.fix), width, "  fix: ", "       ")]
    return Block(number, tuple(lines))


def failures(frame: Frame) -> Section:
    """One line for each source that cannot be used."""
    lines: list[Line] = [((f"{clean(t.source)} cannot be used: {clean(t.why)}", "dim"),) for t in frame.sample.failures]
    return Section(tuple(Block(5, (line,)) for line in lines))


def footer(frame: Frame) -> Line:
    if not frame.keys:
        return _apart([("Ctrl-C ends", "dim")], [_pace(frame)], frame.width)
    names = ("p goes on" if frame.paused else "p pause", "+ - period", f"s sort: {frame.sort}", "h help", "q quit")
    return _apart([("   ".join(names), "dim")], [_pace(frame)], frame.width)


def _pace(frame: Frame) -> Span:
    return ("PAUSED", "warn") if frame.paused else (f"every {frame.period:g} s", "dim")


def _apart(left: list[Span], right: list[Span], width: int) -> Line:
    room = width - sum(len(text) for text, _ in right)
    return (*fitted(tuple(left), room - 1), (" ", ""), *right) if room > 1 else tuple(left)
