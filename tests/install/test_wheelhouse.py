"""A package out of a given directory of wheels: checked, whole, the same bytes each time; nothing is fetched."""

from __future__ import annotations

import hashlib
import socket
import tarfile
import threading
from pathlib import Path

import pytest
from tiny_wheels import write_wheel, write_wheelhouse

from jetson_deploy.errors import NetworkError, PreflightError
from jetson_deploy.install import source
from jetson_deploy.install.package import Package
from jetson_deploy.install.target import Target
from jetson_deploy.install.wheelhouse import installed_pins, make

ORIN = Target(python=(3, 10), machine="aarch64", glibc=(2, 35))


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wheelhouse(tmp_path_factory.mktemp("given") / "wheels")


@pytest.fixture(scope="module")
def package(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    return make(ORIN, cache=tmp_path_factory.mktemp("cache"), wheelhouse=wheelhouse)


def test_the_package_is_what_its_hash_says(package: Package) -> None:
    assert hashlib.sha256(package.path.read_bytes()).hexdigest() == package.sha256
    assert (package.version, package.install_name) == (source.version(), source.install_name())


def test_every_wheel_but_pip_is_listed_with_its_hash(package: Package) -> None:
    with tarfile.open(package.path) as archive:
        contents = {entry.name: archive.extractfile(entry) for entry in archive.getmembers()}
        bytes_of = {name: file.read() for name, file in contents.items() if file is not None}
    lines = bytes_of.pop("requirements.txt").decode().splitlines()
    assert sorted(bytes_of) == sorted(f"wheels/{name}" for name in package.wheels)
    carried = {hashlib.sha256(content).hexdigest() for name, content in bytes_of.items() if "/pip-" not in name}
    assert {line.partition("--hash=sha256:")[2] for line in lines} == carried
    assert f"jetson-deploy=={source.version()} " in "\n".join(lines)
    assert len(carried) == len(bytes_of) - 1


def test_the_same_wheels_give_the_same_bytes(package: Package, wheelhouse: Path, tmp_path: Path) -> None:
    again = make(ORIN, cache=tmp_path, wheelhouse=wheelhouse)
    assert (again.sha256, again.path.read_bytes()) == (package.sha256, package.path.read_bytes())


def test_nothing_is_left_beside_the_package(package: Package) -> None:
    assert [path.name for path in package.path.parents[1].iterdir()] == [package.path.parent.name]


def test_a_wheel_of_another_build_of_this_tool_is_not_taken(wheelhouse: Path, package: Package, tmp_path: Path) -> None:
    stranger = write_wheel(wheelhouse, "jetson-deploy", source.version())
    try:
        assert make(ORIN, cache=tmp_path, wheelhouse=wheelhouse).sha256 == package.sha256
    finally:
        stranger.unlink()


def test_a_directory_that_lacks_a_wheel_is_refused_with_its_name_and_pips_words(tmp_path: Path) -> None:
    given = write_wheelhouse(tmp_path / "given", without="rich")
    with pytest.raises(PreflightError) as refused:
        make(ORIN, cache=tmp_path / "cache", wheelhouse=given)
    assert refused.value.code == "wheelhouse-incomplete"
    assert "rich>=" in refused.value.message and "Python 3.10 on aarch64" in refused.value.message
    assert "--python-version 3.10" in refused.value.hint and "manylinux_2_28_aarch64" in refused.value.hint


def test_the_pins_are_the_versions_that_run_here(tmp_path: Path) -> None:
    import msgspec

    pins = installed_pins()
    assert f"msgspec=={msgspec.__version__}" in pins
    assert not [pin for pin in pins if pin.startswith(("jetson-deploy", "asyncssh", "pytest"))]


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_what_is_fetched_ends_at_once_when_it_is_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    with socket.create_server(("127.0.0.1", 0)) as silent_index:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent_index.getsockname()[1]}/simple")
        timer.start()
        with pytest.raises(NetworkError, match="interrupted"):
            make(ORIN, cache=tmp_path, stop=stop)
    timer.join()
    assert list((tmp_path / "packages").iterdir()) == []
