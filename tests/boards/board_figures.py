"""What virtual boards proved, as figures at the end of a run: `V7 29/29 device trees of …`."""

from __future__ import annotations

from collections import Counter

import pytest

FIGURES = {
    "V1": "bare boards deployed to by fleet up, and up again changed nothing",
    "V2": "reboots: it serves again by itself, proven",
    "V3": "power cuts of a board at rest: it serves again by itself, and nothing was left unfinished",
    "V7": "device trees, read by a kernel that booted, detected as their board of the catalog",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for how in ("passed", "failed"):
        for report in terminalreporter.stats.get(how, []):
            counts.update((str(value), how) for key, value in report.user_properties if key == "figure")
    for figure, what in FIGURES.items():
        if total := counts[figure, "passed"] + counts[figure, "failed"]:
            terminalreporter.write_line(f"{figure} {counts[figure, 'passed']}/{total} {what}")
