"""The files of the package below a directory."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from deb_package.texts import COPYRIGHT, EPOCH, HOME, OVERRIDES
from jetson_deploy import monitor, prepare, watch
from jetson_deploy.install.download import wheels_for
from jetson_deploy.install.target import Target
from jetson_deploy.systemd.units import write_units

_STATE = "/var/lib/jetson-deploy"
_TOOL = Path(__file__).parents[2] / ".venv" / "bin" / "jetson-deploy"
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/jetson-deploy",
    "zsh": "usr/share/zsh/vendor-completions/_jetson-deploy",
    "fish": "usr/share/fish/vendor_completions.d/jetson-deploy.fish",
}
_MANUAL = """\
.TH JETSON-DEPLOY 1 "" "jetson-deploy" "User Commands"
.SH NAME
jetson-deploy \\- private, offline, proven LLM endpoint on an NVIDIA Jetson
.SH SYNOPSIS
.B jetson-deploy
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
Reads the board, plans image, model and memory, deploys, proves with real tokens that the GPU serves, and rolls back
when it does not.
.B jetson-deploy \\-\\-help
lists the commands and the exit codes, and
.B jetson-deploy
.I COMMAND
.B \\-\\-help
the options of one.
"""


class Tree:
    def __init__(self, root: Path, target: Target) -> None:
        self.root, self._target = root, target
        self._home = root / HOME.lstrip("/")

    def fill(self, wheels: Path, changelog: str) -> None:
        self._environment()
        self._packages(wheels)
        self._command()
        self._units()
        self._shells()
        self._documents(changelog)

    def kib(self) -> int:
        return sum(path.stat().st_size for path in self._files()) >> 10

    def sums(self) -> str:
        lines = (
            f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(self.root)}" for path in self._files()
        )
        return "".join(f"{line}\n" for line in lines)

    def _files(self) -> list[Path]:
        return sorted(
            path
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_symlink() and "DEBIAN" not in path.parts
        )

    def _environment(self) -> None:
        """What `python3 -m venv --without-pip` makes, for a Python that is not here."""
        major, minor = self._target.python
        (self._home / "bin").mkdir(parents=True)
        (self._home / "bin" / "python3").symlink_to("../../../bin/python3")
        text = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {major}.{minor}.0\n"
        (self._home / "pyvenv.cfg").write_text(text)
        (self._home / ".deb").write_text("")

    def _packages(self, wheels: Path) -> None:
        major, minor = self._target.python
        site = self._home / "lib" / f"python{major}.{minor}" / "site-packages"
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
        words += ["--no-deps", "--no-compile", "--target", str(site), *wheels_for(self._target)]
        taken = [str(path) for path in sorted(wheels.glob("*.whl")) if not path.name.startswith("pip-")]
        subprocess.run([*words, *taken], check=True)
        shutil.rmtree(site / "bin", ignore_errors=True)
        for path in site.rglob("*"):
            is_script = path.is_file() and path.suffix != ".py" and path.read_bytes()[:2] == b"#!"
            path.chmod(0o755 if path.is_dir() or is_script else 0o644)

    def _command(self) -> None:
        command = self._home / "bin" / "jetson-deploy"
        # -I: neither the working directory nor PYTHONPATH brings modules into what root runs.
        command.write_text(f'#!/bin/sh\nexec {HOME}/bin/python3 -I -m jetson_deploy "$@"\n')
        command.chmod(0o755)
        link = self.root / "usr/bin/jetson-deploy"
        link.parent.mkdir(parents=True)
        link.symlink_to(f"../lib/{Path(HOME).name}/bin/jetson-deploy")

    def _units(self) -> None:
        """With the defaults; those that `watch --install`, `monitor install` and `prepare` write stand above them."""
        folder = self.root / "lib/systemd/system"
        folder.mkdir(parents=True)
        templates = [
            path
            for module in (watch, monitor, prepare)
            for path in (Path(str(module.__file__)).parent / "units").glob("*.service")
        ]
        marks = {
            "@COMMAND@": f"{HOME}/bin/python3 -I -m jetson_deploy",
            "@ENVIRONMENT@\n": "",
            "@MOUNTS@": _STATE,
            "@STATE@": f"{_STATE}/monitor",
            "@WRITABLE@": f"-{_STATE}/monitor",
            "@WATCHDOG@": "60",
        }
        write_units(folder, templates, (), {}, marks)

    def _shells(self) -> None:
        for shell, name in _COMPLETIONS.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            done = subprocess.run([str(_TOOL), "completion", shell], capture_output=True, check=True)
            path.write_bytes(done.stdout)

    def _documents(self, changelog: str) -> None:
        folder = self.root / "usr/share/doc/jetson-deploy"
        folder.mkdir(parents=True)
        (folder / "copyright").write_text(COPYRIGHT)
        _zipped(folder / "changelog.gz", changelog)
        _zipped(self.root / "usr/share/man/man1/jetson-deploy.1.gz", _MANUAL)
        overrides = self.root / "usr/share/lintian/overrides/jetson-deploy"
        overrides.parent.mkdir(parents=True)
        overrides.write_text(OVERRIDES)
        for path in self.root.rglob("*"):
            if not path.is_symlink():
                os.utime(path, (EPOCH, EPOCH))


def _zipped(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
