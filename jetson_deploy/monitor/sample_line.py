"""A sample as a line of `monitor --jsonl`: with the alerts that fire at it, for whoever reads many boards."""

from __future__ import annotations

import msgspec

from jetson_deploy.monitor.alerts.firing import Severity
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample


class AlertLine(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    subject: str = ""
    severity: Severity
    title: str = ""
    silenced: bool = False


class SampleLine(Sample, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.sample/1"):
    alerts: tuple[AlertLine, ...] | None = None
    """The worst first; None: an older monitor, which does not say."""


def sample_line(latest: Latest) -> SampleLine:
    fields = {name: getattr(latest.sample, name) for name in latest.sample.__struct_fields__}
    alerts = tuple(
        AlertLine(id=one.id, subject=one.subject, severity=one.severity, title=one.title, silenced=one.silenced)
        for one in latest.firing
    )
    return SampleLine(**fields, alerts=alerts)
