"""The monitor's systemd unit as it is written, and as systemd itself reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jetson_deploy.cli.monitor.install import command
from jetson_deploy.cli.monitor.serve import command as serve
from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.install import UNIT, ServiceWishes, options, write_units
from jetson_deploy.settings import Settings

ODD = ServiceWishes(
    name="other",
    root=Path("/a root"),
    listen="0.0.0.0:1234",
    period=2,
    endpoint="http://127.0.0.1:11434",
    model=False,
    thresholds=("ram-low=15%", "thermal-near=5"),
    alerts=("log", 'command:/bin/x "a b" $HOME'),
    tap="127.0.0.1:11500",
)


def lines(folder: Path, wishes: ServiceWishes, settings: Settings | None = None) -> list[str]:
    (path,) = write_units(folder, wishes, settings or Settings(), {"JETSON_DEPLOY_CATALOG": "/over lay"})
    assert (path.name, path.stat().st_mode & 0o777) == (UNIT, 0o644)
    return path.read_text().splitlines()


def test_the_flags_are_those_that_differ_from_what_serve_does_by_itself() -> None:
    assert options(ServiceWishes()) == ()


@pytest.mark.parametrize("wishes", [ServiceWishes(), ODD])
def test_serve_understands_every_flag_and_means_the_same(wishes: ServiceWishes) -> None:
    read = serve.make_context("serve", ["--record", *options(wishes)]).params
    assert (read["name"], read["root"], read["listen"]) == (wishes.name, wishes.root, wishes.listen)
    assert (read["period"], read["endpoint"], read["tap"]) == (wishes.period, wishes.endpoint, wishes.tap)
    assert (not read["no_model"], read["thresholds"], read["alerts"]) == (
        wishes.model,
        wishes.thresholds,
        wishes.alerts,
    )


def test_the_unit_is_notified_watched_bounded_and_started_again(tmp_path: Path) -> None:
    found = lines(tmp_path, ServiceWishes())
    assert {"Type=notify", "WatchdogSec=60", "Restart=always", "MemoryMax=128M", "Nice=10"} <= set(found)
    assert {"ProtectSystem=full", "NoNewPrivileges=yes"} <= set(found)
    assert 'Environment="JETSON_DEPLOY_CATALOG=/over lay"' in found
    assert not any(re.search("@[A-Z]+@", line) for line in found)


def test_it_may_write_where_the_history_is_and_the_watchdog_waits_for_several_samples(tmp_path: Path) -> None:
    found = lines(tmp_path, ServiceWishes(period=30), Settings(state_dir=Path("/srv/my state/50%")))
    assert 'ReadWritePaths="-/srv/my state/50%%/monitor"' in found
    assert 'ExecStartPre=+mkdir -p "/srv/my state/50%%/monitor"' in found
    assert "WatchdogSec=180" in found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here (scripts/apt-install systemd)")
@pytest.mark.parametrize("wishes", [ServiceWishes(), ODD])
def test_systemd_finds_nothing_wrong_with_it(wishes: ServiceWishes, tmp_path: Path) -> None:
    lines(tmp_path, wishes, Settings(state_dir=Path("/srv/my state/50%")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_verb_writes_the_unit_with_its_options_and_with_files_by_their_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hook").write_text("https://example.org/secret")
    Path("told").write_text("#!/bin/sh\n")
    Path("told").chmod(0o755)
    arguments = [
        "--units",
        ".",
        "--json",
        "--alert",
        "slack:@hook",
        "--alert",
        "command:./told --loud",
        "--tap",
        ":11500",
    ]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert json.loads(done.output)["files"] == [UNIT]
    started = next(line for line in Path(UNIT).read_text().splitlines() if line.startswith("ExecStart="))
    assert f"--alert slack:@{tmp_path}/hook" in started and "secret" not in started
    assert f'--alert "command:{tmp_path}/told --loud"' in started
    assert started.endswith(" --tap :11500") or " --tap :11500 " in started


@pytest.mark.parametrize(
    "wrong",
    [
        ["--listen", "nowhere"],
        ["--tap", "x"],
        ["--tap", "0.0.0.0:11500"],
        ["--tap", ":11500", "--no-model"],
        ["--endpoint", "ftp://here"],
        ["--alert", "pigeon:7"],
        ["--threshold", "ram-lo=1"],
        ["--root", "tests"],
    ],
)
def test_what_the_service_could_not_start_with_is_refused_now(wrong: list[str], tmp_path: Path) -> None:
    where = [] if "--root" in wrong else ["--units", str(tmp_path)]
    done = CliRunner().invoke(command, [*where, *wrong])
    assert isinstance(done.exception, UsageError | click.UsageError)
    assert list(tmp_path.iterdir()) == []
