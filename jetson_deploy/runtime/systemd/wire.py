"""systemctl and journalctl: the only place that starts them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Protocol

import msgspec

from jetson_deploy.errors import PreflightError, UnhealthyError
from jetson_deploy.runtime.port import EngineAwayError

USUAL_SECONDS = 120.0
"""A stop may take as long as its unit allows, a reload of many units on a slow card some seconds."""


class Systemctl(Protocol):
    """Raises JetsonDeployError only."""

    def act(self, *arguments: str, more: float = 0.0) -> None:
        """A command of systemctl that must succeed; `more`: seconds beside the usual ones."""

    def show(self, unit: str, names: Sequence[str]) -> dict[str, str]:
        """Properties of a unit, also of one that systemd does not know (`LoadState=not-found`)."""

    def journal(self, *arguments: str) -> str:
        """The answer of journalctl."""

    def follow(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A journalctl whose standard output is read until it is ended."""


class HostSystemctl(msgspec.Struct, frozen=True, kw_only=True):
    """This host's own."""

    seconds: float = USUAL_SECONDS
    goes_on: bool = False
    """As `Runtime.quick`: what goes wrong is an EngineAwayError."""

    def act(self, *arguments: str, more: float = 0.0) -> None:
        self._run(("systemctl", *arguments), self.seconds + more)

    def show(self, unit: str, names: Sequence[str]) -> dict[str, str]:
        text = self._run(("systemctl", "show", f"--property={','.join(names)}", "--", unit), self.seconds)
        return {name: value for name, _, value in (line.partition("=") for line in text.splitlines())}

    def journal(self, *arguments: str) -> str:
        return self._run(("journalctl", "--no-pager", "--quiet", *arguments), self.seconds)

    def follow(self, *arguments: str) -> subprocess.Popen[bytes]:
        argv = ("journalctl", "--no-pager", "--quiet", "--follow", *arguments)
        try:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError as error:
            raise self._away(f"journalctl cannot be started: {error.strerror}") from error

    def _run(self, argv: tuple[str, ...], seconds: float) -> str:
        what = " ".join(argv[:2])
        try:
            done = subprocess.run(
                argv,
                env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except OSError as error:
            raise self._away(f"{argv[0]} cannot be started: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise self._away(f"{what} has not answered for {seconds:g} s") from error
        if done.returncode == 0:
            return done.stdout
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[0]
        if self.goes_on:
            raise self._away(f"{what}: {said}")
        raise UnhealthyError(
            f"{' '.join(argv[:3])}: {said}", hint="run with sudo; journalctl -xe shows more", code="systemctl-failed"
        )

    def _away(self, text: str) -> PreflightError:
        kind = EngineAwayError if self.goes_on else PreflightError
        return kind(text, hint="is this host run by systemd? systemctl is-system-running", code="systemd-away")
