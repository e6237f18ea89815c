"""Alerts to a program: what it gets, and how it fails."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import msgspec
import pytest
from alert_receiver import HOT, message

from jetson_deploy.monitor.alerts.command import Command
from jetson_deploy.monitor.alerts.delivery import SinkError
from jetson_deploy.monitor.alerts.messages import Message
from jetson_deploy.monitor.alerts.sinks import parse_sink


def script(path: Path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_command_gets_the_alert_as_json_and_as_variables(tmp_path: Path) -> None:
    shown = '"$JETSON_DEPLOY_ALERT_STATE" "$JETSON_DEPLOY_ALERT_ID" "$1"'
    text = f'cat > {tmp_path}/in.json\nprintf "%s|%s|%s" {shown} > {tmp_path}/out\n'
    argv = script(tmp_path / "tell me", text)
    parse_sink(f"command:'{argv}' '$(id) ; x'", print).deliver(Message(state="firing", at=0.0, alert=HOT))
    assert json.loads((tmp_path / "in.json").read_text())["alert"]["id"] == HOT.id
    assert (tmp_path / "out").read_text() == "firing|thermal-throttle|$(id) ; x"


def test_a_command_that_fails_is_named_with_its_last_word(tmp_path: Path) -> None:
    command = Command([script(tmp_path / "no", "cat > /dev/null; echo first >&2; echo no modem >&2; exit 3\n")])
    with pytest.raises(SinkError, match="it ended with 3: no modem"):
        command.deliver(message(0))


def test_a_command_that_reads_nothing_is_no_failure(tmp_path: Path) -> None:
    big = Message(state="firing", at=0.0, alert=msgspec.structs.replace(HOT, cause="x" * 100_000))
    Command([script(tmp_path / "yes", "exit 0\n")]).deliver(big)


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = Command([script(tmp_path / "slow", f"sleep 60 &\necho $! > {pid}\nwait\n")], seconds=0.3)
    with pytest.raises(SinkError, match="took longer"):
        command.deliver(message(0))
    child = Path(f"/proc/{pid.read_text().strip()}/stat")
    for _ in range(1000):  # the kernel ends it a moment later; nobody may be there to bury it
        if not child.exists() or child.read_text().rpartition(")")[2].split()[0] in "ZX":
            return
        time.sleep(0.001)
    pytest.fail("its child still runs")
