"""Nothing is skipped silently: under CI a skipped test is a failed one."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator

import pytest
from drawn import choose_profile

pytest_plugins = ["fault_report", "bed_fixtures", "board_figures"]  # of tests/faults and tests/boards

# Under nohup a lost link is ignored, and in the background of a script Ctrl-C, here and in what is started from here:
# the tests are about those that are heard.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
USUAL = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}


@pytest.fixture(autouse=True)
def _interruptions_are_heard() -> None:
    """A command line that was run in this process ended, and left them unheard."""
    for number, handler in USUAL.items():
        signal.signal(number, handler)


def pytest_configure(config: pytest.Config) -> None:
    choose_profile(full=bool(config.getoption("--full")), faults=bool(config.getoption("--fault-report")))


def pytest_collection_finish() -> None:
    """Thousands of tests lie in memory to the end: they are not gone through, nor copied by a fork, again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not allow: {report.longrepr}"
    return report
