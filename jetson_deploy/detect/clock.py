"""Whether the time is plausible. A board without a battery starts in 1970 or at its image's build date."""

from __future__ import annotations

import time

from jetson_deploy.detect.host import Host
from jetson_deploy.detect.recorded import RecordedClock, recorded_clock
from jetson_deploy.facts import ClockFacts

_EARLIEST = 1_767_225_600
"""2026-01-01 UTC: this tool is younger."""
_LATEST = 2_524_608_000
"""2050-01-01 UTC: no certificate of today is valid then, no board of today runs."""


def clock_facts(host: Host, *, live: bool) -> ClockFacts:
    """Of this machine when `live`, else what was recorded."""
    recorded = RecordedClock() if live else recorded_clock(host)
    now = time.time() if live else recorded.epoch_seconds
    return ClockFacts(
        epoch_seconds=now,
        sane=None if now is None else _EARLIEST <= now < _LATEST,
        synchronised=_synchronised(host) if live else recorded.synchronised,
    )


def _synchronised(host: Host) -> bool | None:
    """systemd-timesyncd touches the file at its first success; other daemons leave no file to go by."""
    if host.exists("run/systemd/timesync/synchronized"):
        return True
    return False if host.is_directory("run/systemd/timesync") else None
