"""The tool by others' installers: pipx, `uv tool`, and a Python that uv brings from a mirror of the test's own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from install_roots import Root, archive_of, directory_of, fetched, python_of

from jetson_deploy.install import source

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MACHINE = os.uname().machine
PROGRAMS = Path(sys.executable).parent
RELEASES = "https://github.com/astral-sh/python-build-standalone/releases/download"


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetched(tmp_path_factory.mktemp("wheelhouse"), "3.12")


@pytest.mark.parametrize("installer", ["pipx", "uv"])
def test_the_wheel_installs_runs_and_goes_without_leaving_anything(
    installer: str, wheelhouse: Path, tmp_path: Path
) -> None:
    """Offline, from a directory of wheels."""
    home, wheel = tmp_path / "home", next(wheelhouse.glob("jetson_deploy-*.whl"))
    home.mkdir()
    variables: dict[str, Any] = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PIP", "UV", "PYTHON"))},
        "HOME": str(home),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheelhouse),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PIPX_DEFAULT_PYTHON": str(python_of("3.12")),
        "PIPX_DEFAULT_BACKEND": "pip",
    }

    def ran(*words: str | Path) -> str:
        done = subprocess.run(words, env=variables, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    if installer == "pipx":
        ran(PROGRAMS / "pipx", "install", wheel)
    else:
        where = ("--no-index", "--find-links", wheelhouse, "--python", python_of("3.12"))
        ran(PROGRAMS / "uv", "tool", "install", "--no-config", *where, wheel)
    tool = home / ".local/bin/jetson-deploy"
    assert ran(tool, "--version") == f"jetson-deploy, version {source.version()}\n"
    assert '"dustynv' in ran(tool, "plan", "--json", "--board", "orin-nano-8gb")
    remove = ("uninstall",) if installer == "pipx" else ("tool", "uninstall", "--no-config")
    ran(PROGRAMS / installer, *remove, "jetson-deploy")
    assert not tool.is_symlink()
    assert not [path for path in home.rglob("*") if "jetson_deploy" in path.name]


def test_where_the_python_is_too_old_uv_brings_one_from_the_mirror_that_is_set(tmp_path: Path) -> None:
    """The archive holds this machine's Python in the shape of python-build-standalone's; uv itself is real."""
    root, mirror = Root(tmp_path / "board", python_of("3.8")), tmp_path / "mirror"
    archive = archive_of(python_of("3.12"), mirror / "20260101", MACHINE)
    variables: dict[str, Any] = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "UV_PYTHON_DOWNLOADS_JSON_URL": str(listed(archive, tmp_path)),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    given = directory_of(tmp_path / "given", "1.0")
    refused = root.install(given, UV_PYTHON_INSTALL_MIRROR=(tmp_path / "nowhere").as_uri(), **variables)
    assert refused.code == 4
    assert "error: uv brought no Python: " in refused.stderr and "UV_PYTHON_INSTALL_MIRROR" in refused.stderr
    done = root.install(given, UV_PYTHON_INSTALL_MIRROR=mirror.as_uri(), **variables)
    assert (done.code, root.says("--version")) == (0, "jetson-deploy, version 1.0"), done
    assert "the newest Python here is 3.8, and 3.10 is needed: " in done.stderr and "uv brings 3.12" in done.stderr
    (brought,) = root.prefix.glob("python-3.12-*")
    assert f"home = {brought}/bin" in next(root.prefix.glob("1.0-*/pyvenv.cfg")).read_text()
    assert (root.install("--uninstall").code, root.left()) == (0, [])


def listed(archive: Path, folder: Path) -> Path:
    """What uv knows of it, as if it were a release: the mirror stands in front of its name."""
    _, version, _ = archive.name.replace("+", "-").split("-", 2)
    major, minor, patch = map(int, version.split("."))
    entry = {
        "name": "cpython",
        "arch": {"family": MACHINE, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "variant": None,
        "build": "20260101",
        "url": f"{RELEASES}/20260101/{archive.name}",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
    }
    path = folder / "downloads.json"
    path.write_text(json.dumps({f"cpython-{version}-linux-{MACHINE}-gnu": entry}))
    return path
