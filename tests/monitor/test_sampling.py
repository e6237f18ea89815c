"""The loop beside a screen: begun anew, ended, and what it does with a read that hangs."""

from __future__ import annotations

import queue
import threading

from served_monitor import full_sample

from jetson_deploy.cli.monitor.sampling import Happenings, Heard, Sampling
from jetson_deploy.monitor.alerts.judge import Judge
from jetson_deploy.monitor.monitor import Latest, Monitor
from jetson_deploy.monitor.sample import Sample


class Hanging:
    """Samples whose first read hangs until it is let go."""

    def __init__(self) -> None:
        self.entered, self.free = threading.Event(), threading.Event()
        self.threads: list[str] = []
        self.inside = 0

    def poll(self) -> None:
        pass

    def sample(self) -> Sample:
        self.inside += 1
        assert self.inside == 1, "two loops at once"
        self.entered.set()
        assert self.free.wait(10)
        self.inside -= 1
        return full_sample(1)

    def close(self) -> None:
        pass


def test_begun_anew_while_a_read_hangs_it_goes_on_when_the_read_ends() -> None:
    happenings: Happenings = queue.SimpleQueue()
    hanging = Hanging()
    sampling = Sampling(Monitor(hanging, Judge({}), [Heard(happenings)], period=0.01), happenings)
    sampling.start()
    assert hanging.entered.wait(10)
    sampling.start()
    hanging.free.set()
    for _ in range(3):  # the first is of the loop that was ended
        assert isinstance(happenings.get(timeout=10), Latest)
    assert sampling.stop()
