"""Files that the kernel itself guards: immutable by chattr, bound from elsewhere, on an overlay."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_mounts import old_ext4, overlay

from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.placing import check_replaceable

pytestmark = pytest.mark.integration
_BOUND = "mount --make-rprivate / && mount --bind other.json daemon.json && exec {python} -c '{program}'"
_ASKED = """
from pathlib import Path
from jetson_deploy.prepare.placing import check_replaceable
check_replaceable(Path("daemon.json").absolute())
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with old_ext4(tmp_path) as point:
        yield point


@pytest.mark.parametrize("guarded", ["daemon.json", "."])
@pytest.mark.parametrize("flag", ["i", "a"])
def test_what_chattr_guards_is_refused_with_the_command_that_frees_it(disk: Path, guarded: str, flag: str) -> None:
    path = disk / "daemon.json"
    path.write_text("{}")
    check_replaceable(path)
    subprocess.run(["chattr", f"+{flag}", disk / guarded], check=True)
    try:
        with pytest.raises(PreflightError, match=r"immutable \(chattr\)") as caught:
            check_replaceable(path)
        assert caught.value.hint.startswith("sudo chattr -i -a /")
    finally:
        subprocess.run(["chattr", f"-{flag}", disk / guarded], check=True)


def test_a_file_that_is_bound_from_the_same_disk_is_refused(tmp_path: Path) -> None:
    for name in ("daemon.json", "other.json"):
        (tmp_path / name).write_text("{}")
    script = _BOUND.format(python=sys.executable, program=_ASKED)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.returncode == 1
    assert "daemon.json is mounted from elsewhere" in done.stderr
    check_replaceable(tmp_path / "daemon.json")


def test_a_file_of_the_lower_layer_of_an_overlay_is_no_mount(tmp_path: Path) -> None:
    with overlay(tmp_path) as point:
        (tmp_path / "lower" / "daemon.json").write_text("{}")
        check_replaceable(point / "daemon.json")
