"""A wall clock that is wrong for one process, and may jump in the middle of its work."""

from __future__ import annotations

import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

_SOURCE = Path(__file__).with_name("wall_clock.c")
YEARS = (1970, 2000, 2099)


class WallClock:
    def __init__(self, directory: Path) -> None:
        """The library is built in `directory`."""
        self._file = directory / "clock"
        library = directory / "wall_clock.so"
        if not library.exists():
            subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE)], check=True)
        self.variables = {"LD_PRELOAD": str(library), "JD_CLOCK_FILE": str(self._file)}
        self.set_right()

    def set_right(self) -> None:
        self._say(0)

    def set_to(self, year: int) -> None:
        """The second of January, which no time zone moves into another year."""
        self._say(int(datetime(year, 1, 2, tzinfo=timezone.utc).timestamp() - time.time()))

    def _say(self, seconds: int) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{seconds}\n")
        beside.replace(self._file)
