"""`self package` writes one file that `scripts/install.sh` and `self update` take on a board, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from tiny_wheels import write_wheel, write_wheelhouse

from jetson_deploy.errors import PreflightError
from jetson_deploy.install import source
from jetson_deploy.install.download import command, pip_words
from jetson_deploy.install.jetpack import BOARDS
from jetson_deploy.install.on_board import identity


def typed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "jetson_deploy", "self", "package", *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wheelhouse(tmp_path_factory.mktemp("given") / "wheels")


def test_the_file_holds_this_very_version_and_a_script_that_installs_it(wheelhouse: Path, tmp_path: Path) -> None:
    """By the script of the wheel in it, where the board has neither clone nor tool."""
    file = tmp_path / "tool.tar"
    done = typed(file, "--wheelhouse", wheelhouse, "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["version"], said["file"]) == (0, source.install_name(), str(file)), done
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path / "there", filter="data")
    assert sorted(path.name for path in (tmp_path / "there/wheels").iterdir()) == said["wheels"]
    (own,) = (tmp_path / "there/wheels").glob("jetson_deploy-*.whl")
    assert identity(own) == source.identity()
    with zipfile.ZipFile(own) as wheel:
        wheel.extractall(tmp_path / "unpacked")
    script = tmp_path / "unpacked/jetson_deploy/_data/scripts/install.sh"
    refused = subprocess.run(
        ["sh", script, "--lines", "--offline", "--prefix", tmp_path / "opt", "--link", tmp_path / "jd", wheelhouse],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    # It found the parts beside itself and a Python, and looked into what was given: wheels without the tool's.
    assert (refused.returncode, refused.stdout.split("\t")[0]) == (3, "@refused no-tool-there"), refused


def test_a_file_that_is_there_is_replaced_with_force_alone(wheelhouse: Path, tmp_path: Path) -> None:
    file = tmp_path / "tool.tar"
    file.write_text("mine")
    refused = typed(file, "--wheelhouse", wheelhouse)
    assert (refused.returncode, "--force" in refused.stderr, file.read_text()) == (2, True, "mine"), refused
    assert typed(file, "--wheelhouse", wheelhouse, "--force").returncode == 0
    assert tarfile.is_tarfile(file)
    assert [path.name for path in tmp_path.iterdir()] == ["tool.tar"]


def test_what_is_missing_is_named_and_no_file_is_left(tmp_path: Path) -> None:
    given = write_wheelhouse(tmp_path / "given", without="click")
    refused = typed(tmp_path / "tool.tar", "--jetpack", "7", "--wheelhouse", given)
    assert (refused.returncode, "Python 3.12 on aarch64 with glibc 2.39: click" in refused.stderr) == (3, True), refused
    assert [path.name for path in tmp_path.iterdir()] == ["given"]


def test_every_jetpack_that_is_offered_is_one_that_wheels_are_made_for() -> None:
    offered = typed("--help").stdout
    assert f"[{'|'.join(BOARDS)}]" in offered
    for target in BOARDS.values():
        assert f"--python-version {target.python[0]}.{target.python[1]} " in f"{' '.join(command(target))} "
        assert f"manylinux_2_{target.glibc[1]}_aarch64" in target.platforms()


def test_pip_is_the_wheel_that_was_kept_where_the_environment_has_none(tmp_path: Path) -> None:
    """What install.sh installs: an environment without pip, and the wheels beside it."""
    assert pip_words(tmp_path, is_there=True) == ["-m", "pip"]
    with pytest.raises(PreflightError) as refused:
        pip_words(tmp_path, is_there=False)
    assert (refused.value.code, "--wheelhouse" in refused.value.hint) == ("no-pip", True)
    (tmp_path / "wheels").mkdir()
    kept = write_wheel(tmp_path / "wheels", "pip", "99.0")
    assert pip_words(tmp_path, is_there=False) == [f"{kept}/pip"]
