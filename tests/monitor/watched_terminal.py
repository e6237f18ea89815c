"""The live view on a terminal of its own: `python watched_terminal.py` shows fixed samples until it is ended."""

from __future__ import annotations

import queue
import sys
import time

from screen_samples import busy

from jetson_deploy.cli.monitor.sampling import Happenings, Heard
from jetson_deploy.cli.monitor.view import view
from jetson_deploy.monitor.alerts.firing import Change, Firing
from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.sample import Sample


class Fixed:
    """Samples that count on; broken after `last`."""

    def __init__(self, last: int) -> None:
        self._at, self._last = 0, last

    def poll(self) -> None:
        pass

    def sample(self) -> Sample:
        self._at += 1
        if self._at > self._last:
            raise ValueError("the board is gone")
        return busy(self._at)

    def close(self) -> None:
        pass


class Calm:
    firing: tuple[Firing, ...] = ()

    def judge(self, sample: Sample) -> tuple[Change, ...]:
        return ()


def main() -> int:
    from jetson_deploy.cli import main as cli

    started = time.perf_counter()
    happenings: Happenings = queue.SimpleQueue()
    monitor = Monitor(Fixed(int(sys.argv[1])), Calm(), [Heard(happenings)], period=0.2)
    import signal

    signal.signal(signal.SIGTERM, cli._terminated)
    try:
        view(monitor, happenings)
    except KeyboardInterrupt:
        return 0
    finally:
        monitor.close()
        if len(sys.argv) > 2:
            print(f"{time.process_time():.3f} s of CPU in {time.perf_counter() - started:.3f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
