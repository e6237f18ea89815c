"""One run per deployment: the lock file, made and found in every state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jetson_deploy.deploy.lock import deployment_lock
from jetson_deploy.errors import LockedError, PreflightError

HOLDER = """
import sys, pathlib
from jetson_deploy.deploy.lock import deployment_lock
with deployment_lock(pathlib.Path(sys.argv[1]), "default"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_told_who_holds_it_and_gets_it_when_the_holder_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError) as caught, deployment_lock(tmp_path, "default"):
            pass
        assert (caught.value.exit_code, f"pid {holder.pid}" in caught.value.message) == (75, True)
        holder.kill()
    with deployment_lock(tmp_path, "default"):
        assert (tmp_path / "jetson-deploy-default.lock").read_text() == f"{os.getpid()}\n"


def test_another_deployment_has_a_lock_of_its_own(tmp_path: Path) -> None:
    with deployment_lock(tmp_path, "one"), deployment_lock(tmp_path, "two"):
        assert len(list(tmp_path.iterdir())) == 2


def test_a_link_planted_in_the_lock_s_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "jetson-deploy-default.lock").symlink_to(victim)
    with pytest.raises(PreflightError) as caught, deployment_lock(tmp_path, "default"):
        pass
    assert caught.value.code == "lock-unusable"
    assert victim.read_text() == "precious"


def test_a_directory_that_cannot_be_made_is_told_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PreflightError) as caught, deployment_lock(tmp_path / "file", "default"):
        pass
    assert "JETSON_DEPLOY_LOCK_DIR" in caught.value.hint
