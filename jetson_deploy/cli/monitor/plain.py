"""One line for a sample, and one for an alert that begins or ends: for a log, a pipe, a narrow terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.cli.monitor.screen.heat import hottest
from jetson_deploy.cli.monitor.screen.lines import clean
from jetson_deploy.cli.streams import write
from jetson_deploy.monitor.alerts.firing import Change
from jetson_deploy.monitor.derived import decode_rate_of_all
from jetson_deploy.monitor.metric_readers import loaded, mean_load
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample, SourceFailure
from jetson_deploy.monitor.thermal import headroom, throttling


class PlainLines:
    """A listener that writes them to stdout as they come. Raises ReaderGone, ResourceError."""

    def __init__(self) -> None:
        self._before: Sample | None = None
        self._failures: tuple[SourceFailure, ...] = ()

    def receive(self, latest: Latest) -> None:
        sample = latest.sample
        lines = [*self._once(sample), *map(change_line, latest.changes), sample_line(sample, self._before)]
        self._before, self._failures = sample, sample.failures
        write(sys.stdout, "".join(f"{line}\n" for line in lines))

    def _once(self, sample: Sample) -> Iterator[str]:
        """What is the same in every sample is said when it begins."""
        if self._before is None:
            who = sample.identity
            mode = clean(sample.board.power_mode.name)
            yield f"board {clean(who.model or who.board)}  L4T {clean(who.l4t)}  mode {mode}"
            if sample.simulated:
                yield f"simulated: {clean(sample.simulated)}"
        for one in sample.failures:
            if one not in self._failures:
                yield f"{clean(one.source)} cannot be used: {clean(one.why)}"


def sample_line(sample: Sample, before: Sample | None) -> str:
    """Time and key figures, in the same order always, so that they can be cut out."""
    board = sample.board
    gpu = board.gpus[0] if board.gpus else None
    parts = [
        time.strftime("%H:%M:%S", time.localtime(sample.at)),
        f"gpu {_dense(gpu.load if gpu else None)} {figures.megahertz(gpu.hertz if gpu else None)}MHz",
        f"cpu {_dense(mean_load(sample))}",
        f"mem {figures.gib(board.memory.used_bytes)}/{figures.gib(board.memory.total_bytes)}GiB",
        _heat(sample),
        f"power {figures.number(board.power.watts if board.power else None)}W",
        *_model(sample, before),
    ]
    if throttling(board):
        parts.append("THROTTLED")
    return "  ".join(parts)


def change_line(change: Change) -> str:
    alert = change.alert
    clock = time.strftime("%H:%M:%S", time.localtime(change.at))
    about = f" ({clean(alert.subject)})" if alert.subject else ""
    if change.state == "resolved":
        return f"{clock} over: {clean(alert.title)}{about}"
    word = {"critical": "CRITICAL", "warning": "WARNING", "info": "note"}[alert.severity]
    return f"{clock} {word}: {clean(alert.title)}{about}: {clean(alert.cause)} Fix: {clean(alert.fix)}"


def _dense(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio * 100:.0f}%"


def _heat(sample: Sample) -> str:
    zone = hottest(sample)
    if zone is None:
        return "temp -"
    left = headroom(zone)
    text = f"temp {clean(zone.name.removesuffix('-thermal'))} {zone.celsius:.1f}C"
    return text if left is None else f"{text} ({left:.1f} left)"


def _model(sample: Sample, before: Sample | None) -> Iterator[str]:
    server = sample.llm.server
    if server is None:
        return
    if not server.up:
        yield "server DOWN"
        return
    yield f"tok/s {figures.number(decode_rate_of_all(before, sample) if before else None)}"
    yield f"running {'-' if server.in_flight is None else server.in_flight}"
    yield f"waiting {'-' if server.queued is None else server.queued}"
    for one in loaded(sample):
        if one.gpu_share is not None and one.gpu_share < 1:
            yield f"{clean(one.name)} GPU {_dense(one.gpu_share)}"
