"""The monitor's unit under a real systemd: notified, served, recorded within its sandbox, watched, ended in order."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_systemd import SmallSystemd, booted

from jetson_deploy.monitor.install import UNIT, ServiceWishes, write_units
from jetson_deploy.settings import Settings

pytestmark = pytest.mark.integration
BOARD = Path(__file__).parents[1] / "monitor/boards/orin-nano-super-r36.5"
LISTEN = "127.0.0.1:9735"
STATE = Path("/run/state")
"""Of the namespace alone."""


def until(holds: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def variables(folder: Path) -> dict[str, str]:
    return {
        "DOCKER_HOST": f"unix://{folder}/no-engine.sock",
        "JETSON_DEPLOY_STATE_DIR": str(STATE),
        "PYTHONPATH": ":".join(path for path in sys.path if path),
    }


def stand_ins(folder: Path) -> Path:
    """An engine's unit, a network and a watchdog that a test can wait for; the directory of the units."""
    units = folder / "units"
    (units / f"{UNIT}.d").mkdir(parents=True)
    (units / "docker.service").write_text("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    (units / f"{UNIT}.d/short.conf").write_text("[Service]\nWatchdogSec=5\nRestartSec=1\n")
    return units


def fetched(systemd: SmallSystemd, path: str) -> str:
    """From within: it has a loopback of its own."""
    asked = f"import urllib.request; print(urllib.request.urlopen('http://{LISTEN}{path}', timeout=5).read().decode())"
    return systemd.run(sys.executable, "-c", asked)


def recorded(systemd: SmallSystemd) -> int:
    asked = (
        "import sqlite3; c = sqlite3.connect('file:/run/state/monitor/history.sqlite3?mode=ro', uri=True); "
        "print(c.execute('select total(count) from chunk').fetchone()[0])"
    )
    return int(float(systemd.run(sys.executable, "-c", asked)))


def test_systemd_is_told_and_starts_a_monitor_again_that_hangs(tmp_path: Path) -> None:
    wishes = ServiceWishes(root=BOARD, period=0.5)
    write_units(stand_ins(tmp_path), wishes, Settings(state_dir=STATE), variables(tmp_path))
    with booted(tmp_path, (UNIT,)) as systemd:
        systemd.run("ip", "link", "set", "lo", "up")
        until(lambda: systemd.shown(UNIT, "ActiveState") == "active")
        assert systemd.shown(UNIT, "Type") == "notify"
        assert 'jetson_temperature_celsius{zone="tj-thermal"}' in fetched(systemd, "/metrics")
        assert LISTEN in systemd.shown(UNIT, "StatusText")
        time.sleep(6)  # longer than the watchdog: it is fed
        assert systemd.shown(UNIT, "NRestarts") == "0"
        systemd.kill(UNIT, signal.SIGSTOP)
        until(lambda: systemd.shown(UNIT, "NRestarts") == "1")
        until(lambda: systemd.shown(UNIT, "ActiveState") == "active")
        until(lambda: fetched(systemd, "/healthz").startswith("ok"))
        systemd.systemctl("stop", UNIT)
        assert systemd.shown(UNIT, "Result") == "success"
        assert recorded(systemd) > 0


def test_it_is_installed_for_now_and_the_next_boot_and_taken_away_again(tmp_path: Path) -> None:
    stand_ins(tmp_path)
    verb = (sys.executable, "-m", "jetson_deploy", "monitor", "install")
    with booted(tmp_path, ("docker.service",)) as systemd:
        systemd.run(*verb, "--listen", "127.0.0.1:9736", "--no-model", environment=variables(tmp_path))
        until(lambda: systemd.shown(UNIT, "ActiveState") == "active")
        assert "--listen 127.0.0.1:9736 --no-model" in systemd.shown(UNIT, "ExecStart")
        assert systemd.systemctl("is-enabled", UNIT) == "enabled"
        systemd.run(*verb, "--no-model", environment=variables(tmp_path))
        until(lambda: systemd.shown(UNIT, "ActiveState") == "active")
        assert "--listen" not in systemd.shown(UNIT, "ExecStart")
        systemd.run(*verb, "--uninstall", environment=variables(tmp_path))
        until(lambda: systemd.shown(UNIT, "ActiveState") == "inactive")
        assert UNIT not in systemd.run("ls", "-R", "/etc/systemd/system").replace(f"{UNIT}.d", "")
        assert "no such service" in systemd.run(*verb, "--uninstall", environment=variables(tmp_path))
        assert "history.sqlite3" in systemd.run("ls", str(STATE / "monitor"))
