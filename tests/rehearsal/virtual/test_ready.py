"""What is missing on this machine is said before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.rehearsal.virtual import base
from jetson_deploy.rehearsal.virtual.ready import (
    TO_BUILD,
    TO_RUN,
    check_build,
    check_kernel,
    check_run,
    missing_packages,
)
from jetson_deploy.rehearsal.virtual.recipe import GENERATIONS, digest


@pytest.mark.parametrize("check", [check_run, check_build])
def test_off_root_is_refused(monkeypatch: pytest.MonkeyPatch, check: object) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(JetsonDeployError) as raised:
        check()  # type: ignore[operator]
    assert (raised.value.code, raised.value.hint, raised.value.exit_code) == ("not-root", "run it with sudo", 3)


def test_missing_programs_are_named_by_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "qemu-img").touch(0o755)
    assert "qemu-utils" not in missing_packages(TO_RUN)
    assert "qemu-system-arm" in missing_packages(TO_RUN)


@pytest.mark.parametrize("release", ["5.15.0-119-generic", "6.1.0-57-amd64", "6.6.87"])
def test_a_kernel_whose_formats_are_those_of_the_whole_machine_is_refused(release: str) -> None:
    with pytest.raises(PreflightError, match=f"6.7 or newer, and this is {release}"):
        check_kernel(release)


@pytest.mark.parametrize("release", ["6.7", "6.12.3-orbstack", "7.0.0-rc1", "of-its-own"])
def test_a_newer_kernel_and_one_of_unknown_age_may_build(release: str) -> None:
    check_kernel(release)


def test_each_debian_has_a_base_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folders = {base.base_directory(number) for number in GENERATIONS}
    assert len(folders) == len(GENERATIONS)
    assert {folder.parent for folder in folders} == {tmp_path / "jetson-deploy/virtual"}
    assert not any(base.is_built(number) for number in GENERATIONS)
    assert len({digest(one) for one in GENERATIONS.values()}) == len(GENERATIONS)


def test_the_installing_script_knows_every_package() -> None:
    script = (Path(__file__).parents[3] / "scripts/board-parts").read_text()
    assert {*TO_RUN.values(), *TO_BUILD.values()} <= set(script.split())
