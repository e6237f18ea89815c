"""Notify systemd of a monitor that serves or records."""

from __future__ import annotations

from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.systemd.notify import Notifier


class SystemdStatus:
    """A listener: ready at the first sample, alive at each. The socket is bound before the first sample is taken."""

    def __init__(self, notifier: Notifier | None = None) -> None:
        self._notifier = notifier or Notifier()
        self._ready = False
        self.serving = ""
        """The served address, for the status; empty: none."""

    def receive(self, latest: Latest) -> None:
        if not self._ready:
            self._notifier.ready()
            self._ready = True
        self._notifier.alive()
        self._notifier.status("; ".join(part for part in (self.serving, _alerts(latest)) if part))

    def ending(self) -> None:
        self._notifier.stopping()


def _alerts(latest: Latest) -> str:
    firing = sorted({one.id for one in latest.firing if not one.silenced})
    return f"firing: {', '.join(firing)}" if firing else "no alert fires"
