"""What is missing on this machine is said before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.rehearsal.virtual import base
from jetson_deploy.rehearsal.virtual.ready import TO_BUILD, TO_RUN, check_build, check_run, missing_packages
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
