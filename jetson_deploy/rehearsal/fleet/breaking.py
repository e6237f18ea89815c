"""What can be broken of a rehearsed board while it runs, and mended again.

A slow link is one of little bandwidth (tbf): the delay and loss of netem is in few kernels.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.rehearsal.fleet import hierarchies
from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.keys import make_key
from jetson_deploy.rehearsal.fleet.layer import USER
from jetson_deploy.rehearsal.fleet.layout import Place

_DROPS = "/etc/ssh/sshd_config.d"


class Breaking:
    def __init__(self, fleet: Fleet, place: Place) -> None:
        self._fleet, self._place = fleet, place

    def stop_sshd(self) -> None:
        """Connections are refused; those that are open go on."""
        self._inside("systemctl", "stop", "ssh")

    def start_sshd(self) -> None:
        self._inside("systemctl", "start", "ssh")
        self._await_sshd()

    def cut_sessions(self) -> None:
        """Every SSH connection ends in one moment; what they started as units goes on."""
        self._shell("pkill -KILL -f '^sshd: .*@' || true")

    def throttle(self, *, startups: str = "1:100:1", sessions: int = 1) -> None:
        """sshd takes few logins at once, and few sessions for each connection."""
        self._write(f"{_DROPS}/50-throttled.conf", f"MaxStartups {startups}\nMaxSessions {sessions}\n")
        self._inside("systemctl", "reload", "ssh")
        self._await_sshd()

    def change_host_key(self) -> None:
        """Another machine answers at its address, as it seems from outside."""
        new = self._fleet.layout.directory / f"changed-{self._place.number}"
        make_key(new, "changed")
        self._write("/etc/ssh/ssh_host_ed25519_key", new.read_text())
        self._inside("systemctl", "restart", "ssh")
        self._await_sshd()

    def black_hole(self, *, lost: bool = True) -> None:
        """Packets vanish, in both directions, without a word; the board goes on."""
        for chain in ("INPUT", "OUTPUT"):
            act = "-I" if lost else "-D"
            self._in_network("iptables", "-w", act, chain, "!", "-i" if chain == "INPUT" else "-o", "lo", "-j", "DROP")

    def slow_link(self, *, kilobits: int = 256) -> None:
        """So many a second, in each direction."""
        rate = ["root", "tbf", "rate", f"{kilobits}kbit", "burst", "8kb", "latency", "2s"]
        self._fleet.holder.run("tc", "qdisc", "replace", "dev", self._place.link, *rate)
        self._in_network("tc", "qdisc", "replace", "dev", "eth0", *rate)

    def freeze(self) -> None:
        """Every process of it stands still: the kernel still takes connections."""
        hierarchies.freeze(self._place.cgroup, frozen=True)

    def thaw(self) -> None:
        hierarchies.freeze(self._place.cgroup, frozen=False)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def fill_disk(self, directory: str, *, megabytes: int = 1) -> None:
        """A disk of its own under `directory`, which is full but for so much."""
        self._shell(f"mkdir -p {shlex.quote(directory)}")
        self._inside("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", directory)

    def stop_engine(self) -> None:
        self._inside("systemctl", "stop", "docker")

    def start_engine(self) -> None:
        self._inside("systemctl", "start", "docker")

    def refuse_sudo(self) -> None:
        """To the plain user."""
        self._inside("rm", "-f", f"/etc/sudoers.d/{USER}")

    def remove_python(self) -> None:
        """The board's own; what the rehearsal itself runs there has another place."""
        names = "/usr/bin/python3 /usr/bin/python3.[0-9]* /bin/python3"
        self._shell(f"rm -f {names}")

    def greet(self, text: str = "Welcome to this board") -> None:
        """~/.bashrc prints, for every command over SSH too."""
        self._write("/root/.bashrc", f"echo {shlex.quote(text)}\n")

    def serve(self, behaviour: dict[str, Any]) -> None:
        """What a light board's server does: see stand_in/light_server.py."""
        self._write("/etc/rehearsal/server.json", msgspec.json.encode(behaviour).decode())

    def behaviour(self) -> dict[str, Any]:
        return msgspec.json.decode(self._inside("cat", "/etc/rehearsal/server.json"), type=dict[str, Any])

    def reboot(self) -> None:
        """At once, as a watchdog does it: nothing is stopped in order."""
        self._shell("nohup systemctl reboot --force --force >/dev/null 2>&1 &")

    def _await_sshd(self) -> None:
        """A reload takes its port away for a moment."""
        self._inside(
            "bash",
            "-c",
            "sleep 0.1; until exec 3<>/dev/tcp/127.0.0.1/22; do sleep 0.05; done 2>/dev/null; exec 3>&-; sleep 0.2",
        )

    def _inside(self, *argv: str) -> str:
        return self._fleet.inside(self._place, *argv)

    def _shell(self, script: str) -> str:
        return self._inside("sh", "-c", script)

    def _write(self, path: str, text: str) -> None:
        self._fleet.inside(self._place, "sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1"', "sh", path, stdin=text)

    def _in_network(self, *argv: str) -> None:
        """From outside: also on a board that is frozen."""
        network = Path("/run/netns") / self._place.namespace
        self._fleet.holder.run("nsenter", f"--net={network}", *argv)


def kernel_has_netem(fleet: Fleet) -> bool:
    probe = [*fleet.enter(), "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
