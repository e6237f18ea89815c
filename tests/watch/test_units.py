"""The systemd units as they are written, and as systemd itself reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.watch.install import UNITS, options, write_units


def test_the_flags_are_those_that_differ_from_the_defaults() -> None:
    assert list(options(WatchWishes())) == []
    wishes = WatchWishes(interval_seconds=5, max_restarts=1, memory_guard_bytes=1 << 28, roll_back=False)
    assert " ".join(options(wishes)) == "--interval 5 --max-restarts 1 --memory-guard 268435456 --no-roll-back"


def test_the_watcher_gets_notify_watchdog_and_a_life_when_memory_is_short(tmp_path: Path) -> None:
    _, watch = write_units(tmp_path, WatchWishes(), {"JETSON_DEPLOY_CATALOG": '/a b/50%/$x"'})
    lines = watch.read_text().splitlines()
    assert {"Type=notify", "WatchdogSec=180", "OOMScoreAdjust=-500", "Restart=always"} <= set(lines)
    assert 'Environment="JETSON_DEPLOY_CATALOG=/a b/50%%/$x\\""' in lines
    assert not any("@COMMAND@" in line or "@OPTIONS@" in line for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here (scripts/apt-install systemd)")
def test_systemd_finds_nothing_wrong_with_them(tmp_path: Path) -> None:
    write_units(tmp_path, WatchWishes(interval_seconds=5), {"JETSON_DEPLOY_CATALOG": "/a b/50%"})
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
    named = [str(tmp_path / name.replace("@", "@default")) for name in UNITS]
    for name, path in zip(UNITS, named, strict=True):
        shutil.copy(tmp_path / name, path)
    done = subprocess.run(["systemd-analyze", "verify", *named], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
