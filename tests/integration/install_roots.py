"""`scripts/install.sh` run on roots whose /usr/bin has one Python alone, without a network, below a scratch prefix."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from board_script import SECONDS, Ended
from tiny_wheels import write_pip, write_tool

from jetson_deploy.install import source

REPOSITORY = Path(__file__).parents[2]
INSTALL = REPOSITORY / "scripts" / "install.sh"


def python_of(version: str) -> Path:
    """Of this machine: pyenv's, or the system's."""
    places = [
        *Path("/root/.pyenv/versions").glob(f"{version}.*"),
        *(Path.home() / ".pyenv/versions").glob(f"{version}.*"),
    ]
    found = [place / "bin" / f"python{version}" for place in places] + [Path(f"/usr/bin/python{version}")]
    for path in found:
        if path.is_file():
            return path
    pytest.skip(f"there is no Python {version} on this machine: pyenv install {version}")


class Root:
    """This machine's root with that Python as its only one; changes of /usr/bin end with the command."""

    def __init__(self, directory: Path, python: Path | None) -> None:
        self.directory = directory
        self.prefix, self.link = directory / "opt", directory / "bin" / "jetson-deploy"
        self.layer, self._python = directory.parent / f"{directory.name}-layer", python
        directory.mkdir(parents=True)
        self.layer.mkdir()

    def enter(self) -> list[str]:
        layer = shlex.quote(str(self.layer))
        script = [f"mount -t tmpfs layer {layer}"]
        for place in ("/usr/bin", "/usr/local/bin"):
            up, work = f"{layer}/up{place.replace('/', '-')}", f"{layer}/work{place.replace('/', '-')}"
            script += [
                f"mkdir {up} {work}",
                f"mount -t overlay -o lowerdir={place},upperdir={up},workdir={work} none {place}",
                f"rm -f {place}/python3*",
            ]
        if self._python is not None:
            script.append(f"ln -s {shlex.quote(str(self._python))} /usr/bin/python3")
        return ["unshare", "--mount", "--net", "sh", "-ec", "; ".join([*script, 'exec "$@"']), "sh"]

    def argv(self, *words: str | Path, script: Path = INSTALL) -> list[str]:
        places = ["--prefix", self.prefix, "--link", self.link]
        return [*self.enter(), "sh", str(script), *map(str, places), *map(str, words)]

    def install(self, *words: str | Path, script: Path = INSTALL, **variables: str) -> Ended:
        argv = self.argv(*words, script=script)
        environment = {**os.environ, **variables}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=4 * SECONDS)
        return Ended(done.returncode, done.stdout.splitlines(), done.stderr)

    def killed_at(self, step: str, *words: str | Path) -> None:
        """Everything gets SIGKILL when it says that it begins with that."""
        argv = self.argv("--lines", *words)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.decode().strip() == f"@step {step}":
                    break
            else:
                raise AssertionError(f"there was no step {step}")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(SECONDS)

    def says(self, *words: str) -> str:
        argv = [*self.enter(), str(self.link), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=SECONDS).stdout.strip()

    def left(self) -> list[str]:
        return sorted(str(path.relative_to(self.directory)) for path in self.directory.rglob("*"))


def directory_of(path: Path, version: str, write: Callable[[Path, str], object] = write_tool) -> Path:
    """Wheels of a stand-in tool and pip, with their list."""
    path.mkdir(parents=True)
    write_pip(path)
    write(path, version)
    write_sums(path)
    return path


def write_sums(directory: Path) -> None:
    wheels = sorted(directory.glob("*.whl"))
    lines = (f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n" for wheel in wheels)
    (directory / "SHA256SUMS").write_text("".join(lines))


def fetched(directory: Path, *pythons: str) -> Path:
    """The tool's own wheel and every one that it needs on this machine."""
    wheel = source.write_wheel(directory)
    for version in pythons:
        words = ["-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--only-binary=:all:"]
        where = ["--dest", str(directory), "--find-links", str(directory)]
        subprocess.run([python_of(version), *words, *where, "pip>=23.1", source.NAME], check=True, timeout=200)
    assert wheel.exists()
    write_sums(directory)
    return directory


def archive_of(python: Path, directory: Path, machine: str) -> Path:
    """A Python of this machine in the shape of python-build-standalone's: simulated."""
    home, name = python.resolve().parents[1], python.resolve().name
    (directory / "python" / "bin").mkdir(parents=True)
    shutil.copy(python.resolve(), directory / "python" / "bin" / name)
    (directory / "python" / "bin" / "python3").symlink_to(name)
    leave = shutil.ignore_patterns("test", "tests", "site-packages", "__pycache__", "idlelib", "config-*", "ensurepip")
    shutil.copytree(home / "lib" / name, directory / "python" / "lib" / name, ignore=leave)
    for shared in (home / "lib").glob("libpython3*.so*"):
        shutil.copy(shared, directory / "python" / "lib")
    asked = [str(python), "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    path = directory / f"cpython-{version}+20260101-{machine}-unknown-linux-gnu-install_only.tar.gz"
    pack(directory, path, ["python"])
    shutil.rmtree(directory / "python")
    (directory / "SHA256SUMS").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    return path


def pack(directory: Path, path: Path, names: Sequence[str]) -> None:
    subprocess.run(["tar", "-C", directory, "-c", "-I", "gzip -1", "-f", path, *names], check=True)
