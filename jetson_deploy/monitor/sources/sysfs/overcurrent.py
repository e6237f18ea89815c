"""soctherm's over-current lines: event counters, and whether they throttle."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from jetson_deploy.monitor.board_parts import OverCurrent
from jetson_deploy.monitor.sources.sysfs.files import COUNT, Files
from jetson_deploy.monitor.sources.sysfs.hwmon import Hwmon

_COUNTER = re.compile(r"(oc[0-9])_event_cnt")


class LineFiles(msgspec.Struct, frozen=True):
    line: str
    count: str
    throttling: str | None


def find_lines(hwmons: Sequence[Hwmon]) -> tuple[LineFiles, ...]:
    found: dict[str, LineFiles] = {}
    for directory in (one.directory for one in hwmons if one.name == "soctherm_oc"):
        for name in sorted(directory.names):
            match = _COUNTER.fullmatch(name)
            if match:
                line = LineFiles(match[1], f"{directory.path}/{name}", directory.file(f"{match[1]}_throt_en"))
                found.setdefault(line.line, line)
    return tuple(found.values())


def read_over_currents(found: Sequence[LineFiles], files: Files) -> tuple[OverCurrent, ...]:
    counts = ((one, files.number(one.count, 0, COUNT)) for one in found)
    return tuple(
        OverCurrent(line=one.line, count=count, throttling=files.flag(one.throttling))
        for one, count in counts
        if count is not None
    )
