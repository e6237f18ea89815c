"""The live view: samples in one thread, keys in another, drawn here until the user ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator
from types import FrameType

from jetson_deploy.cli.monitor.keys import Keyboard
from jetson_deploy.cli.monitor.picture import Screen
from jetson_deploy.cli.monitor.sampling import Happened, Happenings, Key, Sampling
from jetson_deploy.cli.monitor.screen.frame import SORTS, Frame
from jetson_deploy.cli.monitor.screen.glyphs import Glyphs, glyphs_for
from jetson_deploy.cli.monitor.screen.help import help_page
from jetson_deploy.cli.monitor.screen.layout import page
from jetson_deploy.monitor.alerts.firing import Firing
from jetson_deploy.monitor.monitor import RECENT, Latest, Monitor
from jetson_deploy.monitor.sample import Sample

PERIODS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds, for + and -."""


def view(monitor: Monitor, happenings: Happenings) -> None:
    """Until q or a signal. The terminal is as before afterwards, whatever happens."""
    glyphs = glyphs_for(sys.stdout.encoding)
    screen = Screen(ascii_only=glyphs.ascii_only)
    keyboard = Keyboard(sys.stdin.fileno(), lambda key: happenings.put(Key(key))) if sys.stdin.isatty() else None
    sampling = Sampling(monitor, happenings)
    with contextlib.ExitStack() as ending:
        ending.callback(sampling.stop)
        ending.callback(screen.leave)
        if keyboard:
            ending.callback(keyboard.stop)
            keyboard.start()
        ending.enter_context(_signals(happenings))
        sampling.start()
        View(monitor, happenings, screen, sampling, keyboard, glyphs).run()


class View:
    """What stands on the screen, and what the keys change of it."""

    def __init__(
        self,
        monitor: Monitor,
        happenings: Happenings,
        screen: Screen,
        sampling: Sampling,
        keyboard: Keyboard | None,
        glyphs: Glyphs,
    ) -> None:
        self._monitor, self._happenings, self._screen = monitor, happenings, screen
        self._sampling, self._keyboard = sampling, keyboard
        self._glyphs = glyphs
        self._recent: deque[Sample] = deque(maxlen=RECENT)
        self._shown: tuple[Sample, ...] = ()
        self._firing: tuple[Firing, ...] = ()
        self._sort = SORTS[0]
        self._paused = self._help = False

    def run(self) -> None:
        while self._takes(self._happenings.get()):
            if self._happenings.empty():  # of several at once only the last is worth a picture
                self._draw()

    def _takes(self, happened: Happened) -> bool:
        """False: it is the end."""
        if isinstance(happened, BaseException):
            raise happened
        if isinstance(happened, Latest):
            self._hears(happened)
        elif isinstance(happened, Key):
            return self._typed(happened.lower())
        elif happened == "suspended":
            self._suspend()
        return True

    def _hears(self, latest: Latest) -> None:
        self._recent.append(latest.sample)
        self._firing = latest.firing  # also while the rest stands still: it must not be missed
        if not self._paused or not self._shown:
            self._shown = tuple(self._recent)

    def _typed(self, key: str) -> bool:
        if key == "q":
            return False
        if key in ("h", "?"):
            self._help = not self._help
        elif key == "s":
            self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        elif key == "p":
            self._paused = not self._paused
            self._shown = self._shown if self._paused else tuple(self._recent)
        elif key in ("+", "="):
            self._pace(max((p for p in PERIODS if p < self._monitor.period), default=PERIODS[0]))
        elif key in ("-", "_"):
            self._pace(min((p for p in PERIODS if p > self._monitor.period), default=PERIODS[-1]))
        return True

    def _pace(self, period: float) -> None:
        if period != self._monitor.period:
            self._monitor.period = period
            self._sampling.start()

    def _draw(self) -> None:
        if not self._shown:
            return
        width, height = self._screen.size
        frame = Frame(
            recent=self._shown,
            firing=self._firing,
            width=width,
            glyphs=self._glyphs,
            period=self._monitor.period,
            sort=self._sort,
            paused=self._paused,
            keys=self._keyboard is not None,
        )
        self._screen.draw(help_page(frame, height) if self._help else page(frame, height))

    def _suspend(self) -> None:
        """Ctrl-Z: the shell gets its terminal back, and `fg` ours."""
        self._screen.leave()
        if self._keyboard:
            self._keyboard.stop()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, handler)
        if self._keyboard:
            self._keyboard.start()


@contextlib.contextmanager
def _signals(happenings: Happenings) -> Iterator[None]:
    def resized(number: int, frame: FrameType | None) -> None:
        happenings.put("resized")

    def suspended(number: int, frame: FrameType | None) -> None:
        happenings.put("suspended")

    before = {signal.SIGWINCH: signal.signal(signal.SIGWINCH, resized)}
    before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, suspended)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
