"""What `watch` refuses before it watches anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BOARD = Path(__file__).parent.parent / "hosts/orin-nano-8gb-jp6.2/root"
REFUSED = {
    "json": (["--json"], {}, 2, "--events"),
    "captured-root": (["--root", str(BOARD)], {}, 2, "captured root"),
    "slow-looks": (["--interval", "26"], {}, 2, "--interval"),
    "units-nowhere": (["--units", "/no/such/place"], {}, 2, "--units"),
    "engine-over-ssh": ([], {"DOCKER_HOST": "ssh://board"}, 3, "unix socket"),
}


@pytest.mark.parametrize("options, environ, code, words", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_cause_and_fix(options: list[str], environ: dict[str, str], code: int, words: str) -> None:
    argv = [sys.executable, "-m", "jetson_deploy", "watch", *options]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code
    assert words in done.stderr and "hint:" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="this host is run by systemd")
@pytest.mark.parametrize("option", ["--install", "--uninstall"])
def test_without_systemd_services_are_refused(option: str) -> None:
    argv = [sys.executable, "-m", "jetson_deploy", "watch", option]
    done = subprocess.run(argv, env={}, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "not run by systemd" in done.stderr) == (3, True)
