"""The one table of signals: what the alert rules of profiles/alerts compare with their limits."""

from __future__ import annotations

from collections.abc import Mapping

from jetson_deploy.monitor.alerts.door import DOOR
from jetson_deploy.monitor.alerts.heat_and_fans import HEAT_AND_FANS
from jetson_deploy.monitor.alerts.memory_and_disks import MEMORY_AND_DISKS
from jetson_deploy.monitor.alerts.model_side import MODEL_SIDE
from jetson_deploy.monitor.alerts.power_and_clocks import POWER_AND_CLOCKS
from jetson_deploy.monitor.alerts.signal import Signal

__all__ = ["SIGNALS", "Signal"]

SIGNALS: Mapping[str, Signal] = {**HEAT_AND_FANS, **POWER_AND_CLOCKS, **MEMORY_AND_DISKS, **MODEL_SIDE, **DOOR}
