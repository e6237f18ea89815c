"""What virtual boards proved, as figures at the end of a run: `V7 29/29 device trees of …`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

FIGURES = {
    "V1": "bare boards deployed to by fleet up, and up again changed nothing",
    "V2": "reboots: it serves again by itself, proven",
    "V3": "power cuts of a board at rest: it serves again by itself, and nothing was left unfinished",
    "V4": "cuts within an up that changes the context",
    "V5": "cuts within an up that changes the context, on a disk that forgets what was not flushed",
    "V7": "device trees, read by a kernel that booted, detected as their board of the catalog",
    "V11": "device trees of V7 whose strings were read in a second source, too, not in profiles/ alone",
    "V17": "fleets of three boards: each proven twice, and up again changed nothing",
    "V18": "canaries with a wrong image: the old one serves again, no other board was touched",
    "V19": "rollouts whose controller was killed, or of which a board lost its power: told as it was, and ended later",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("boards", "virtual boards").addoption(
        "--minutes", type=float, help="the power is cut within them; the next run cuts at the borders that are left"
    )


@pytest.fixture(scope="session")
def is_time_left(request: pytest.FixtureRequest) -> Callable[[], bool]:
    minutes, began = request.config.getoption("--minutes"), time.monotonic()
    return lambda: minutes is None or time.monotonic() - began < 60 * minutes


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    lines: dict[str, str] = {}
    for how in ("passed", "failed"):
        for report in terminalreporter.stats.get(how, []):
            for key, value in report.user_properties:
                if key == "figure":
                    counts[str(value), how] += 1
                if key == "cuts":
                    figure, borders, who = value
                    lines[figure] = _cuts(figure, borders, who)
    for figure, what in FIGURES.items():
        if total := counts[figure, "passed"] + counts[figure, "failed"]:
            lines[figure] = f"{figure} {counts[figure, 'passed']}/{total} {what}"
    for figure in sorted(lines, key=lambda one: int(one[1:])):
        terminalreporter.write_line(lines[figure])


def _cuts(figure: str, borders: int, who: Counter[str]) -> str:
    left = borders - who.total()
    ends = ", ".join(f"{end} {who[end]}" for end in ("old", "new", "nothing"))
    return f"{figure} {who['old'] + who['new']}/{borders} {FIGURES[figure]}, {ends}" + (
        f", not cut at yet {left}" if left else ""
    )
