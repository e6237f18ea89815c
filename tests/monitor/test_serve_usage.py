"""What `monitor serve` refuses before it serves, and what it says of where it serves."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import msgspec
import pytest
from forked_cli import ran
from served_monitor import FALLBACK, NEAR, Clock, full_sample, monitor_of, serving

from jetson_deploy.cli.monitor.serve import announcement
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.serve.listen import DEFAULT_LISTEN
from jetson_deploy.monitor.serve.server import MonitorServer
from jetson_deploy.monitor.serve.systemd_status import SystemdStatus
from jetson_deploy.systemd.notify import Notifier

BOARD = Path(__file__).parent / "boards/nano-r32"
REFUSED = {
    "json": (["--json"], 2, "--once --json"),
    "no-port": (["--listen", "127.0.0.1"], 2, "--listen HOST:PORT"),
    "a-history-that-is-not-recorded": (["--db", "x.sqlite3"], 2, "--record"),
    "a-bound-of-nothing": (["--max-size", "1G"], 2, "--record"),
    "a-tap-without-a-server": (["--tap", "127.0.0.1:0"], 2, "--endpoint"),
    "no-such-sink": (["--alert", "pigeon:home"], 2, "sink"),
}


def serve(*options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "jetson_deploy", "monitor", "serve", "--root", str(BOARD), *options]
    return subprocess.run(argv, env={}, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("options, code, words", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_cause_and_fix(options: list[str], code: int, words: str) -> None:
    done = ran("monitor", "serve", "--root", str(BOARD), *options, environment={})
    assert done.returncode == code
    assert words in done.stderr and "hint:" in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken_ends_it_with_exit_3_and_says_who_may_have_it() -> None:
    with serving(monitor_of(full_sample())) as other:
        done = serve("--listen", f"127.0.0.1:{other.port}")
    assert done.returncode == 3
    assert "is taken" in done.stderr and "ss -ltnp" in done.stderr and done.stdout == ""


def test_on_loopback_it_says_where_and_warns_of_nothing() -> None:
    with serving(monitor_of(full_sample())) as server:
        notes = announcement(server, ("127.0.0.1", 9736))
        assert [note.level for note in notes] == ["info", "info"]
        assert f"http://127.0.0.1:{server.port}/metrics" in notes[0].text


def test_beyond_this_machine_it_warns_who_can_read_it() -> None:
    server = MonitorServer(monitor_of(full_sample()), ("0.0.0.0", 9735), clock=Clock())
    warnings = [note.text for note in announcement(server, None) if note.level == "warning"]
    assert len(warnings) == 1 and "can read it" in warnings[0]


def test_the_default_of_the_verb_is_the_default_of_the_server() -> None:
    assert f"[default: {DEFAULT_LISTEN}]" in " ".join(serve("--help").stdout.split())


def test_systemd_hears_ready_when_it_answers_and_stopping_at_sigterm_and_the_history_has_it(tmp_path: Path) -> None:
    history = tmp_path / "history.sqlite3"
    options = ["--root", str(BOARD), "--no-model", "--listen", "127.0.0.1:0", "--record", "--db", str(history)]
    argv = [sys.executable, "-m", "jetson_deploy", "monitor", "serve", *options]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "JETSON_DEPLOY_STATE_DIR": str(tmp_path)}
        with subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE, text=True) as process:
            told = [systemd.recv(4096).decode() for _ in range(3)]
            assert told[:2] == ["READY=1", "WATCHDOG=1"]
            found = re.match(r"STATUS=(http://127\.0\.0\.1:\d+/); ", told[2])
            assert found
            with urllib.request.urlopen(found[1] + "metrics", timeout=10) as answer:
                assert b'jetson_temperature_celsius{zone="CPU-therm"}' in answer.read()
            process.send_signal(signal.SIGTERM)
            assert systemd.recv(4096) == b"STOPPING=1"
            assert process.wait(10) == 0
    with sqlite3.connect(f"file:{history}?mode=ro", uri=True) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_systemd_is_told_what_fires_and_not_what_is_silenced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        told = SystemdStatus(Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}))
        silenced = msgspec.structs.replace(FALLBACK, silenced=True)
        for firing in ((), (NEAR, silenced)):
            told.receive(Latest(sample=full_sample(), firing=firing))
        heard = [systemd.recv(4096).decode() for _ in range(5)]
    alive = "WATCHDOG=1"
    assert heard == ["READY=1", alive, "STATUS=no alert fires", alive, "STATUS=firing: thermal-near"]
