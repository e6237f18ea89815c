"""Some rehearsed boards, from start to end."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType

from jetson_deploy.errors import PreflightError
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.fleet import hierarchies
from jetson_deploy.rehearsal.fleet.boot import SYSTEMD, init_script, supervise_script
from jetson_deploy.rehearsal.fleet.holder import Holder, network
from jetson_deploy.rehearsal.fleet.keys import make_key, make_keys
from jetson_deploy.rehearsal.fleet.layer import HIDDEN, common, own, write
from jetson_deploy.rehearsal.fleet.layout import Layout, Place, places
from jetson_deploy.rehearsal.fleet.reach import inventory, known_hosts, ssh_config
from jetson_deploy.rehearsal.kept import PREFIX, WORK

PROGRAMS = {
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "dbus-daemon": "dbus",
    "ip": "iproute2",
    "iptables": "iptables",
    "unshare": "util-linux",
    "pivot_root": "util-linux",
}


class Fleet:
    """`with Fleet(3) as fleet:`; inside, `fleet.run(...)` and `fleet.enter()` work from where a controller would."""

    def __init__(self, count: int, *, board: str = DEFAULT_BOARD, tool: bool = True, work: Path = WORK) -> None:
        self.board, self.captured, self._tool = board, find_board(board), tool
        id_ = secrets.token_hex(4)
        self.layout = Layout(id=id_, directory=work / f"{PREFIX}{id_}")
        self.places = places(self.layout, count)
        self.holder = Holder(layout=self.layout)
        self.public: dict[str, str] = {}

    @property
    def words(self) -> str:
        """What is simulated; printed by every command on a board."""
        return f"board and memory of {self.board}; its processor and kernel are this machine's; no GPU"

    @property
    def environment(self) -> dict[str, str]:
        """Of every command on a board."""
        return {"JETSON_DEPLOY_REHEARSAL": self.words, "JETSON_DEPLOY_STABILITY_SECONDS": "1"}

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Boot all of them. Raises PreflightError; nothing is left then."""
        check_here()
        self.layout.directory.mkdir(mode=0o700)
        try:
            (self.layout.directory / "log").mkdir()
            raise_limit(len(self.places))
            self._write_outside()
            self.holder.start()
            self.holder.run("ip", "-batch", "-", stdin=network(self.places))
            self._write_inside()
            for place in self.places:
                self.boot(place)
            self.wait(self.places)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Nothing is left."""
        self.holder.end()
        hierarchies.remove(f"jd-{self.layout.id}")
        shutil.rmtree(self.layout.directory, ignore_errors=True)

    @property
    def inventory(self) -> Path:
        """fleet.yaml."""
        return self.layout.inventory

    @property
    def ssh_config(self) -> Path:
        """With key and known_hosts; `fleet.home` is a home that has it as ~/.ssh/config."""
        return self.layout.ssh_config

    @property
    def home(self) -> Path:
        return self.layout.home

    def enter(self) -> list[str]:
        """Prefix of a controller's command: in the network that the boards are in, on this machine's own files."""
        return self.holder.enter(mounts=False)

    def ssh(
        self, place: Place, command: str, *, stdin: str = "", seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """By OpenSSH, as root."""
        argv = [*self.enter(), "ssh", "-F", str(self.ssh_config), place.name, command]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=seconds)

    def inside(self, place: Place, *argv: str, stdin: str = "") -> str:
        """A command on the board, without SSH; its standard output. Raises PreflightError."""
        return self.holder.run_in(self.init_of(place), *argv, stdin=stdin)

    def files(self, place: Place) -> Path:
        """The board's root, seen from here; gone with its first process."""
        return Path(f"/proc/{self.init_of(place)}/root")

    def boot(self, place: Place) -> None:
        """Switch it on; returns at once."""
        with place.log.open("ab") as log:
            process = subprocess.Popen(
                [*self.holder.enter(), "sh", str(self.layout.memory / "supervise"), str(place.number)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process.returncode = 0  # it is the holder's, which ends it

    def wait(self, wanted: list[Place], seconds: float = 120.0) -> None:
        """Until each listens for SSH. Raises PreflightError with the last words of one that is late."""
        deadline = time.monotonic() + seconds
        waiting = list(wanted)
        while waiting:
            waiting = [place for place in waiting if not self.listens(place)]
            if waiting and time.monotonic() > deadline:
                raise self._late(waiting)
            time.sleep(0.05)

    def listens(self, place: Place) -> bool:
        """Its sshd has its port, as its own systemd started it."""
        with contextlib.suppress(OSError):
            pid = self.init_of(place)
            return pid is not None and Path(f"/proc/{pid}/root/run/sshd.pid").exists()
        return False

    def init_of(self, place: Place) -> int | None:
        """The board's first process, as this machine counts."""
        for path in hierarchies.used(engine=False):
            with contextlib.suppress(OSError):
                group = path / place.cgroup
                for listed in (group / "init.scope", group):
                    for word in (listed / "cgroup.procs").read_text().split() if listed.is_dir() else ():
                        if _is_first(int(word)):
                            return int(word)
        return None

    def _write_outside(self) -> None:
        self.layout.login_key.parent.mkdir(mode=0o700, parents=True)
        make_key(self.layout.login_key, "rehearsal")
        folder = self.layout.directory / "hosts"
        folder.mkdir()
        self._keys = make_keys(folder, [place.name for place in self.places])
        self.public = {name: public for name, (_, public) in self._keys.items()}
        self.layout.ssh_config.write_text(ssh_config(self.layout, self.places))
        self.layout.known_hosts.write_text(known_hosts(self.places, self.public))
        self.layout.inventory.write_text(inventory(self.layout, self.places, self.environment))

    def _write_inside(self) -> None:
        inside = self.holder.path
        login = self.layout.login_key.with_name(f"{self.layout.login_key.name}.pub").read_text()
        write(inside(self.layout.layer), common(self.captured, login, self.environment, tool=self._tool), HIDDEN)
        group = f"jd-{self.layout.id}"
        script = supervise_script(self.layout.memory, hierarchies.used(engine=False), group)
        (inside(self.layout.memory) / "supervise").write_text(script)
        for place in self.places:
            write(inside(place.upper), own(place, self._keys[place.name][0]))
            text = init_script(place, self.captured, cgroup=hierarchies.mounts(engine=False))
            (inside(place.memory) / "init").write_text(text)

    def _late(self, late: list[Place]) -> PreflightError:
        lines = late[0].log.read_text(errors="replace").strip().splitlines()
        said = lines[-1][:300] if lines else "it said nothing"
        return PreflightError(
            f"{len(late)} of {len(self.places)} boards did not boot; {late[0].name}: {said}",
            hint="try again when the machine is less busy; the same message again is worth a report",
            code="part-did-not-start",
        )


def check_here() -> None:
    """Raises PreflightError where boards cannot be rehearsed."""
    from jetson_deploy.rehearsal.processes import SBIN

    if os.geteuid() != 0:
        raise PreflightError(
            "a rehearsed fleet needs root: it makes namespaces and boots a systemd in each",
            hint="run it with sudo",
            code="not-root",
        )
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing or not SYSTEMD.exists():
        packages = " ".join(sorted({PROGRAMS[name] for name in missing} | (set() if SYSTEMD.exists() else {"systemd"})))
        raise PreflightError(
            f"a rehearsed fleet needs {packages}",
            hint=f"sudo apt-get install -y --no-install-recommends {packages}",
            code="programs-missing",
        )


_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


def raise_limit(count: int, file: Path = _INSTANCES) -> None:
    """Three for each board, of 128 for all that root runs: no namespace has a number of its own. It stays raised."""
    wanted = 128 + 8 * count
    if int(file.read_text()) < wanted:
        file.write_text(str(wanted))


def _is_first(pid: int) -> bool:
    """Of the innermost PID namespace that it is in."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return line.split()[-1] == "1"
    return False
