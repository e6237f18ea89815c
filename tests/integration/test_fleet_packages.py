"""Packages of real wheels for boards from the package index, checked by names and tags; Pythons out of archives."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from board_script import HERE, PYTHON, Prefix, make_stand_in
from packaging.utils import canonicalize_name, parse_wheel_filename

from jetson_deploy.install.machine import PROBE, read_machine
from jetson_deploy.install.package import Package
from jetson_deploy.install.python_archive import choose
from jetson_deploy.install.target import Target
from jetson_deploy.install.wheelhouse import installed_pins, make

pytestmark = pytest.mark.integration

ORIN = Target(python=(3, 10), machine="aarch64", glibc=(2, 35))
THOR = Target(python=(3, 12), machine="aarch64", glibc=(2, 39))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def for_boards(cache: Path) -> list[Package]:
    async def both() -> list[Package]:
        return await asyncio.gather(*(asyncio.to_thread(make, target, cache=cache) for target in (ORIN, THOR)))

    return asyncio.run(both())


@pytest.mark.parametrize("which", [0, 1], ids=["cp310", "cp312"])
def test_a_package_for_a_board_has_every_dependency_in_the_version_of_here_for_its_python(
    for_boards: list[Package], which: int
) -> None:
    package = for_boards[which]
    with tarfile.open(package.path) as archive:
        assert archive.getnames() == ["requirements.txt", *(f"wheels/{name}" for name in package.wheels)]
    named: dict[str, str] = {}
    for name in package.wheels:
        wheel, version, _, tags = parse_wheel_filename(name)
        assert tags & package.target.tags(), name
        assert "x86_64" not in name
        named[wheel] = str(version)
    pins = dict(pin.split("==") for pin in installed_pins())
    assert {canonicalize_name(name) for name in pins} | {"jetson-deploy", "pip"} == set(named)
    assert {name: version for name, version in named.items() if name in pins} == pins
    compiled = [name for name in package.wheels if "aarch64" in name]
    assert {name.partition("-")[0] for name in compiled} >= {"msgspec", "psutil", "pyyaml"}
    assert named["jetson-deploy"] == importlib.metadata.version("jetson-deploy")


def test_the_cache_has_it_the_second_time_and_what_it_holds_serves_a_controller_without_a_network(
    for_boards: list[Package], cache: Path
) -> None:
    package = for_boards[0]
    assert make(ORIN, cache=cache) == package
    given = package.path.parent.parent / "given"
    given.mkdir()
    with tarfile.open(package.path) as archive:
        for entry in archive.getmembers():
            if (file := archive.extractfile(entry)) is not None and entry.name.startswith("wheels/"):
                (given / Path(entry.name).name).write_bytes(file.read())
    assert make(ORIN, cache=cache, wheelhouse=given).sha256 == package.sha256


@pytest.fixture
def simulated_archive(tmp_path: Path) -> Path:
    """This machine's own Python in the shape of python-build-standalone's: simulated."""
    directory = tmp_path / "archives"
    (directory / "python" / "bin").mkdir(parents=True)
    name = PYTHON.name
    shutil.copy(PYTHON, directory / "python" / "bin" / name)
    (directory / "python" / "bin" / "python3").symlink_to(name)
    library = PYTHON.parents[1] / "lib" / name
    leave = shutil.ignore_patterns(
        "test", "tests", "site-packages", "dist-packages", "__pycache__", "idlelib", "config-*"
    )
    shutil.copytree(library, directory / "python" / "lib" / name, ignore=leave)
    for shared in library.parent.glob("libpython3*.so*"):
        shutil.copy(shared, directory / "python" / "lib")
    version = ".".join(str(part) for part in sys.version_info[:3])
    archive = f"cpython-{version}+20260101-{os.uname().machine}-unknown-linux-gnu-install_only.tar.gz"
    subprocess.run(["tar", "-C", directory, "-c", "-I", "gzip -1", "-f", directory / archive, "python"], check=True)
    shutil.rmtree(directory / "python")
    return directory


def test_a_python_out_of_an_archive_is_unpacked_once_and_serves_every_version(
    simulated_archive: Path, tmp_path: Path
) -> None:
    prefix = Prefix(tmp_path / "board")
    archive = choose(simulated_archive, HERE.machine)
    own = prefix.root / archive.install_name
    versions = [make_stand_in(tmp_path / version, version) for version in ("1.0", "2.0")]
    for made in versions:
        sent = tmp_path / "sent.tar.gz"
        shutil.copyfile(archive.path, sent)
        ended = prefix.install(
            made, archive=str(sent), archive_sha256=archive.sha256, archive_name=archive.install_name, python="/nowhere"
        )
        assert (ended.code, "python" in ended.steps) == (0, made is versions[0]), ended
        assert prefix.linked() == f"jetson-deploy, version {made.version}"
        home = (prefix.root / made.name / "pyvenv.cfg").read_text().splitlines()[0]
        assert home == f"home = {own}/bin" and not sent.exists()
    words = [f"prefix={prefix.root}", f"link={prefix.link}", f"name={versions[1].name}"]
    probed = subprocess.run(["sh", PROBE, *words], capture_output=True, text=True, check=True)
    machine = read_machine(probed.stdout)
    assert machine is not None and f"{own}/bin/python3" in [python.path for python in machine.pythons]


def test_an_archive_for_another_machine_is_refused_there_and_leaves_nothing(tmp_path: Path) -> None:
    prefix, made = Prefix(tmp_path / "board"), make_stand_in(tmp_path / "1.0", "1.0")
    (tmp_path / "python" / "bin").mkdir(parents=True)
    (tmp_path / "python" / "bin" / "python3").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "python" / "bin" / "python3").chmod(0o755)
    archive = tmp_path / f"cpython-3.12.8+20241219-{HERE.machine}-unknown-linux-gnu-install_only.tar.gz"
    subprocess.run(["tar", "-C", tmp_path, "-czf", archive, "python"], check=True)
    chosen = choose(tmp_path, HERE.machine)
    sent = tmp_path / "sent.tar.gz"
    shutil.copyfile(archive, sent)
    ended = prefix.install(
        made, archive=str(sent), archive_sha256=chosen.sha256, archive_name=chosen.install_name, python="/nowhere"
    )
    assert (ended.code, ended.refused[0]) == (3, "python-archive-unusable"), ended
    assert not (prefix.root / chosen.install_name).exists() and prefix.linked() == ""
