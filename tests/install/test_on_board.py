"""What a board's own Python is asked for by `scripts/install.sh`: the same answers as the tool gives of itself."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from tiny_wheels import write_pip

from jetson_deploy.install import source
from jetson_deploy.install.declared import declared_metadata
from jetson_deploy.install.on_board import identity, main

REPOSITORY = Path(__file__).parents[2]
OLD = next(iter(Path("/root/.pyenv/versions").glob("3.8.*/bin/python3.8")), None)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    source.write_wheel(directory)
    write_pip(directory)
    return directory


def test_a_wheel_is_named_on_a_board_as_its_files_are_here(wheels: Path) -> None:
    (wheel,) = wheels.glob("jetson_deploy-*")
    assert identity(wheel) == source.identity()


def test_it_says_name_version_and_room(wheels: Path, tmp_path: Path) -> None:
    assert main([str(tmp_path / "answer"), "about", str(wheels)]) == 0
    said = dict(line.split("\t") for line in (tmp_path / "answer").read_text().splitlines())
    assert (said["name"], said["version"]) == (source.install_name(), source.version())
    assert int(said["need_kib"]) > 20_000


def test_what_it_refuses_it_says_as_board_sh_does(tmp_path: Path) -> None:
    assert main([str(tmp_path / "answer"), "about", str(tmp_path)]) == 3
    assert (tmp_path / "answer").read_text().startswith("@refused no-tool-there\tthere is no wheel of jetson-deploy")


@pytest.mark.skipif(OLD is None and os.environ.get("CI") != "true", reason="there is no Python 3.8 here")
def test_python_3_8_with_nothing_installed_makes_the_wheel_of_a_clone(tmp_path: Path) -> None:
    assert OLD is not None
    argv = [str(OLD), "-sS", "-m", "jetson_deploy.install.on_board", str(tmp_path / "answer"), "wheel", str(tmp_path)]
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    subprocess.run(argv, env=environment, capture_output=True, check=True, timeout=60)
    assert (tmp_path / "answer").read_text().splitlines()[0] == f"name\t{source.install_name()}"
    assert identity(next(tmp_path.glob("*.whl"))) == source.identity()


def test_what_pyproject_declares_is_what_the_build_tool_says() -> None:
    metadata, entry_points = declared_metadata((REPOSITORY / "pyproject.toml").read_text(), source.version())
    mine = [line.partition(": ")[2] for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    theirs = importlib.metadata.requires(source.NAME) or []
    assert {str(Requirement(one)).lower() for one in mine} == {str(Requirement(one)).lower() for one in theirs}
    assert f"Version: {source.version()}\n" in metadata and "Requires-Python: >=3.10\n" in metadata
    assert entry_points == "[console_scripts]\njetson-deploy = jetson_deploy.__main__:main\n"
