"""The fault report: one line per fault of notes/reliability.md §3, counted from the tests that ran.

A test says which fault it proves with `@pytest.mark.fault("F4")` and then counts as one, or tells its own figures
with the fixture `fault_count`. Nothing here is written by hand but the names of the faults.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import pytest

FAULTS = {
    "F1": "killed at every step",
    "F2": "random kills, signals, engine, registry, disk and clock faults",
    "F3": "a second run",
    "F4": "pull stream cut",
    "F5": "killed in a pull",
    "F6": "power cut in a pull, garbage for partial files",
    "F7": "stall at 99 %",
    "F8": "state file cut at every byte and system call",
    "F9": "damaged blobs and manifests",
    "F10": "registry serves wrong bytes",
    "F11": "disk full",
    "F12": "no network, everything cached",
    "F13": "no network, model not cached",
    "F14": "the new server exits, crashes, runs on the CPU, hangs",
    "F15": "what is gone back to fails too",
    "F16": "power cut at every step",
    "F17": "two runs at once",
    "F18": "engine killed and restarted during every step",
    "F19": "foreign server, foreign container",
    "F20": "disk of the store not mounted",
    "F21": "clock at 1970, 2000, 2099",
    "F22": "SSH drop, laptop sleeps, host key changed",
    "F23": "fleet of 50",
    "F24": "fuzzed input",
    "F25": "hostile strings",
    "F26": "tag pushed again",
    "F27": "lost terminal, closed output",
    "F28": "watch: dead, wedged, off the GPU",
    "F29": "many cycles",
    "F30": "state of a newer version",
}
NOT_BUILT: dict[str, str] = {}
_KEY = "fault"
Count = tuple[int, int]


@dataclass
class Tally:
    """What was counted for each fault: what → passed and total."""

    counts: dict[str, dict[str, Count]] = field(default_factory=dict)

    def add(self, fault: str, what: str, passed: int, total: int) -> None:
        whats = self.counts.setdefault(fault, {})
        before = whats.get(what, (0, 0))
        whats[what] = (before[0] + passed, before[1] + total)

    def line(self, fault: str) -> str:
        whats = self.counts.get(fault)
        if whats is None:
            return NOT_BUILT.get(fault, "did not run in this selection")
        return "; ".join(f"{passed}/{total} {what}" for what, (passed, total) in whats.items())

    def short(self, *, whole: bool) -> list[str]:
        """Faults with a count that is not full; `whole`: those that nothing ran for, too."""
        missing = [f for f in FAULTS if f not in self.counts and f not in NOT_BUILT] if whole else []
        bad = [f for f, whats in self.counts.items() if any(p != t or t == 0 for p, t in whats.values())]
        return missing + bad


_TALLY = pytest.StashKey[Tally]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults", "the fault report")
    group.addoption("--full", action="store_true", help="every kill point, 200 seeds, 500 cycles, new fuzzed inputs")
    group.addoption("--fault-report", action="store_true", help="every fault must have been proven by this run")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Tally()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes runs in the long form alone."""
    if not config.getoption("--full") and (late := [item for item in items if item.get_closest_marker("long")]):
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if item not in late]


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """The long form was asked for."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def fault_count(request: pytest.FixtureRequest) -> Callable[[str, int, int, str], None]:
    """Fault, how many held, of how many, what was counted."""

    def count(fault: str, passed: int, total: int, what: str) -> None:
        assert fault in FAULTS
        request.node.user_properties.append((_KEY, [fault, what, passed, total]))

    return count


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A marked test that told no figures of its own counts as one."""
    report = yield
    if report.when == "call" or (report.when == "setup" and not report.passed):
        told = {value[0] for key, value in item.user_properties if key == _KEY and isinstance(value, list)}
        marked = {fault for marker in item.iter_markers(_KEY) for fault in marker.args}
        for fault in sorted(marked - told):
            item.user_properties.append((_KEY, [fault, "tests", int(report.passed), 1]))
        report.user_properties = list(item.user_properties)
    return report


class _Collector:
    """Reports of xdist's workers come here as well."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or (report.when == "setup" and not report.passed):
            for key, value in report.user_properties:
                if key == _KEY and isinstance(value, list):
                    fault, what, passed, total = value
                    self._config.stash[_TALLY].add(fault, what, passed, total)


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Collector(session.config))


def pytest_sessionfinish(session: pytest.Session) -> None:
    whole = bool(session.config.getoption("--fault-report"))
    if not hasattr(session.config, "workerinput") and session.config.stash[_TALLY].short(whole=whole):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally, whole = config.stash[_TALLY], bool(config.getoption("--fault-report"))
    if not tally.counts and not whole:
        return
    terminalreporter.section("fault report" if whole else "faults of this selection")
    for fault, title in FAULTS.items():
        if whole or fault in tally.counts:
            terminalreporter.write_line(f"{fault:<4}{tally.line(fault)} ({title})")
    short = tally.short(whole=whole)
    if short:
        terminalreporter.write_line(f"short: {', '.join(short)}", red=True)
