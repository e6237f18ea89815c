"""The units under a real systemd: notified, watched, started again, ended in order."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_systemd import SmallSystemd, booted

from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.watch.install import write_units

pytestmark = pytest.mark.integration
WATCH, RECOVER = "jetson-deploy-watch@default.service", "jetson-deploy-recover@default.service"


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def settings(folder: Path) -> dict[str, str]:
    return {
        "DOCKER_HOST": f"unix://{folder}/no-engine.sock",
        "JETSON_DEPLOY_STATE_DIR": str(folder / "state"),
        "PYTHONPATH": ":".join(p for p in sys.path if p),
    }


def stand_ins(folder: Path) -> Path:
    """An engine's unit, and a watchdog that a test can wait for; the directory of the units."""
    units = folder / "units"
    drop_in = units / f"{WATCH.partition('@')[0]}@.service.d"
    drop_in.mkdir(parents=True)
    (units / "docker.service").write_text("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    # A busy machine may take seconds for a beat of two.
    (drop_in / "short.conf").write_text("[Service]\nWatchdogSec=12\nRestartSec=1\n")
    return units


def pid_of(systemd: SmallSystemd) -> int:
    return int(systemd.shown(WATCH, "MainPID"))


def test_systemd_is_told_and_starts_a_watcher_again_that_hangs_or_dies(tmp_path: Path) -> None:
    write_units(stand_ins(tmp_path), WatchWishes(), settings(tmp_path))
    with booted(tmp_path, (WATCH, RECOVER)) as systemd:
        until(lambda: systemd.shown(WATCH, "ActiveState") == "active")
        until(lambda: "waiting for it" in systemd.shown(WATCH, "StatusText"))
        assert systemd.shown(WATCH, "Type") == "notify"
        # Without an engine recover fails, in words, and holds nothing up.
        until(lambda: systemd.shown(RECOVER, "ActiveState") == "failed")
        assert systemd.shown(RECOVER, "ExecMainStatus") == "3"
        first = pid_of(systemd)
        time.sleep(15)  # longer than the watchdog: it is fed
        assert (pid_of(systemd), systemd.shown(WATCH, "NRestarts")) == (first, "0")
        systemd.kill(WATCH, signal.SIGSTOP)
        until(lambda: systemd.shown(WATCH, "NRestarts") == "1")
        until(lambda: systemd.shown(WATCH, "ActiveState") == "active")
        systemd.kill(WATCH, signal.SIGKILL)
        until(lambda: systemd.shown(WATCH, "NRestarts") == "2")
        until(lambda: systemd.shown(WATCH, "ActiveState") == "active")
        systemd.systemctl("stop", WATCH)
        assert systemd.shown(WATCH, "Result") == "success"  # of one that has to be killed it is "timeout"


def test_a_recovery_that_takes_long_does_not_hold_up_the_boot(tmp_path: Path) -> None:
    units = stand_ins(tmp_path)
    write_units(units, WatchWishes(), settings(tmp_path))
    for unit, replaced in (
        # As systemd's own targets are: each waits for what it wants.
        ("multi-user.target", "[Unit]\nDefaultDependencies=yes\n"),
        (f"{RECOVER.partition('@')[0]}@.service", "[Service]\nExecStart=\nExecStart=/bin/sleep 600\n"),
    ):
        (units / f"{unit}.d").mkdir()
        (units / f"{unit}.d" / "test.conf").write_text(replaced)
    with booted(tmp_path, (WATCH, RECOVER)) as systemd:  # ends once multi-user.target is reached
        until(lambda: systemd.shown(RECOVER, "SubState") == "start")
        assert systemd.shown("multi-user.target", "ActiveState") == "active"
        assert systemd.shown(WATCH, "ActiveState") == "inactive"  # it waits for recover


def test_the_services_are_installed_for_now_and_the_next_boot_and_taken_away_again(tmp_path: Path) -> None:
    stand_ins(tmp_path)
    drop_in = f"{WATCH.partition('@')[0]}@.service.d"
    verb = (sys.executable, "-m", "jetson_deploy", "watch")
    with booted(tmp_path, ("docker.service",)) as systemd:
        systemd.run(*verb, "--install", "--interval", "5", environment=settings(tmp_path))
        until(lambda: systemd.shown(WATCH, "ActiveState") == "active")
        assert "--interval 5" in systemd.shown(WATCH, "ExecStart")
        assert {systemd.systemctl("is-enabled", unit) for unit in (WATCH, RECOVER)} == {"enabled"}
        systemd.run(*verb, "--install", environment=settings(tmp_path))
        assert "--interval" not in systemd.shown(WATCH, "ExecStart")
        systemd.run(*verb, "--uninstall", environment=settings(tmp_path))
        until(lambda: systemd.shown(WATCH, "ActiveState") == "inactive")
        assert "jetson-deploy" not in systemd.run("ls", "-R", "/etc/systemd/system").replace(drop_in, "")
        systemd.run(*verb, "--uninstall", environment=settings(tmp_path))
