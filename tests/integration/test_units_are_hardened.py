"""Our units by systemd's own measure, and at work within their limits on a board that has a deployment."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fleet_boards import booted_boards

from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.monitor import install as monitor
from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.settings import Settings
from jetson_deploy.watch import install as watch

pytestmark = pytest.mark.integration
WATCH, RECOVER = "jetson-deploy-watch@default.service", "jetson-deploy-recover@default.service"
MOST = 4.0


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with booted_boards(1, kind="light") as booted:
        yield booted


def test_each_unit_is_exposed_by_four_at_most(tmp_path: Path) -> None:
    written = [
        *watch.write_units(tmp_path, WatchWishes(), {}),
        *monitor.write_units(tmp_path, monitor.ServiceWishes(), Settings(), {}),
    ]
    assert len(written) == 3
    for path in written:
        one = path.rename(tmp_path / path.name.replace("@", "@default"))
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", str(one)], capture_output=True, text=True, check=False
        )
        score = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
        assert score is not None, done.stdout + done.stderr
        assert float(score[1]) <= MOST, done.stdout


def until(holds: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def test_within_their_limits_watch_looks_recover_tidies_up_and_the_monitor_records(fleet: Fleet) -> None:
    place = fleet.places[0]

    def said(command: str) -> str:
        done = fleet.ssh(place, command, seconds=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def shown(unit: str, name: str) -> str:
        return said(f"systemctl show --value --property={name} {unit}")

    said("jetson-deploy watch --install --interval 5")
    assert "/models" in shown(RECOVER, "RequiresMountsFor")
    assert shown(WATCH, "TimeoutAbortUSec") == "30s"
    said(f"systemctl restart {RECOVER}")
    assert (shown(RECOVER, "Result"), shown(RECOVER, "ActiveState")) == ("success", "active")
    until(lambda: shown(WATCH, "ActiveState") == "active" and "waiting" not in shown(WATCH, "StatusText"))
    started = said("docker inspect -f '{{.State.StartedAt}}' jd-default-1")
    said("kill -9 $(docker inspect -f '{{.State.Pid}}' jd-default-1)")
    until(lambda: said("docker inspect -f '{{.State.StartedAt}}' jd-default-1") != started)
    until(lambda: is_healthy(fleet))
    until(lambda: "jd-default-1" in shown(WATCH, "StatusText"))
    assert shown(WATCH, "NRestarts") == "0"

    said("jetson-deploy monitor install --period 0.5")
    until(lambda: shown(monitor.UNIT, "ActiveState") == "active")
    until(lambda: recorded(said) > 0)
    until(lambda: "http" in shown(monitor.UNIT, "StatusText"))
    time.sleep(6)  # longer than an alert of a read-only disk is held back
    assert "disk-read-only" not in shown(monitor.UNIT, "StatusText")
    assert shown(monitor.UNIT, "NRestarts") == "0"
    said("jetson-deploy monitor install --uninstall; jetson-deploy watch --uninstall")
    assert "jetson-deploy" not in said("ls -R /etc/systemd/system")


def is_healthy(fleet: Fleet) -> bool:
    return bool(json.loads(fleet.ssh(fleet.places[0], "jetson-deploy status --json").stdout)["healthy"])


def recorded(said: Callable[[str], str]) -> int:
    return int(said("stat -c %s /var/lib/jetson-deploy/monitor/history.sqlite3 2>/dev/null || echo 0"))
