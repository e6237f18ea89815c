"""A bare JetPack 6 board as a directory, and the programs of the host as far as they change its files.

What they do is in files too, so that a run in another process, that is killed, leaves what a killed run leaves.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.image_root import with_image_root
from jetson_deploy.detect.power import power_facts
from jetson_deploy.events import Event
from jetson_deploy.facts import ClockFacts, ContainerFacts, DiskFacts, EngineFacts, HostFacts
from jetson_deploy.prepare.host_step import Look
from jetson_deploy.prepare.machine import Answer, Machine
from jetson_deploy.prepare.model_need import ModelNeed

MODEL = ModelNeed(name="deepseek-r1:7b", bytes=5 * 2**30)
CAPTURED = Path(__file__).parent.parent / "hosts" / "orin-nano-8gb-desktop" / "root"
FILES = {
    "etc/hostname": "kitchen\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n",
    "etc/group": "root:x:0:\ndocker:x:999:\nvideo:x:44:ada\n",
    "etc/fstab": "/dev/nvme0n1p1 /ssd ext4 defaults 0 2\n/dev/root / ext4 defaults 0 1",
    "ssd/lost": "",
    "etc/systemd/journald.conf": "[Journal]\n#SystemMaxUse=\n",
    "lib/systemd/system/systemd-timesyncd.service": "[Service]\n",
    "lib/systemd/system/ollama.service": "[Service]\n",
    "usr/bin/jetson_clocks": "#!/bin/sh\n",
    "lib/systemd/system/nvzramconfig.service": "[Service]\nType=oneshot\n",
    "usr/bin/dockerd": "",
    "usr/bin/nvidia-container-runtime": "",
    "var/lib/nvpmodel/status": "pmode:0001 fmode:quiet\n",
    "run/docker.pid": "77",
    "proc/77/comm": "dockerd\n",
    "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0\tpartition\t2097152\t0\t5\n",
    "active": "containerd.service\ndocker.service\nollama.service\n",
    "lib/systemd/system/docker.service": "[Service]\nExecStart=/usr/bin/dockerd -H fd://\n",
    "var/lib/docker/image/overlay2/repositories.json": "{}",
    "var/lib/docker/volumes/one/_data/file": "a volume's",
    "lib/systemd/system/containerd.service": "[Service]\nExecStart=/usr/bin/containerd\n",
    "etc/containerd/config.toml": 'disabled_plugins = ["cri"]\n#root = "/var/lib/containerd"\n\n[debug]\n',
    "var/lib/containerd/io.containerd.content.v1.content/blobs/sha256/aa": "a layer",
    "var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db": "its record",
    "var/lib/jetson-deploy/models/blobs/sha256-aa": "weights",
    "var/lib/jetson-deploy/models/.jetson-deploy/lock": "",
}
ZRAM_LINK = "etc/systemd/system/multi-user.target.wants/nvzramconfig.service"
STORE = "var/lib/jetson-deploy/models"
WANTS = "etc/systemd/system/multi-user.target.wants"
LINKS = {
    f"{WANTS}/ollama.service": "/lib/systemd/system/ollama.service",
    ZRAM_LINK: "/lib/systemd/system/nvzramconfig.service",
    "etc/systemd/system/default.target": "/lib/systemd/system/graphical.target",
    "etc/systemd/system/display-manager.service": "/lib/systemd/system/gdm.service",
}
MODES = """\
< POWER_MODEL ID=0 NAME=15W >
< POWER_MODEL ID=1 NAME=7W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
"""


@functools.cache
def captured_facts() -> HostFacts:
    return detect_host(Host(CAPTURED), load_catalog(()), engine=None, store=None, port=11434, live=False)


class BareBoard:
    """`root` is the board; the engine's memory of its runtimes lies beside it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.folder = folder / "root", folder
        self.reboot_for: str = ""
        """Power mode that is refused without a reboot."""
        labels = {"io.jetson-deploy.store": f"/{STORE}"}
        self.server = ContainerFacts(id="ab", name="jetson-deploy", state="running", image="x", labels=labels)

    def make(self, *, captured: bool = True) -> BareBoard:
        """`captured`: with all that was read of a real board, and not only what the steps go by."""
        if captured:
            shutil.copytree(CAPTURED, self.root, symlinks=True)
        for name, text in FILES.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.root / "etc/nvpmodel.conf").write_text(MODES)
        for name, target in LINKS.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).symlink_to(target)
        return self

    @property
    def machine(self) -> Machine:
        return Machine(root=self.root, run=self.run, engine=self.engine)

    def look(self, *, reboot: bool = False) -> Look:
        return Look(machine=self.machine, facts=self.facts(), user="ada", reboot=reboot, model=lambda: MODEL)

    def facts(self) -> HostFacts:
        disks = (
            DiskFacts(mount="/", filesystem="ext4", medium="emmc", free_bytes=20 * 2**30),
            DiskFacts(mount="/ssd", filesystem="ext4", medium="nvme", free_bytes=200 * 2**30),
        )
        swaps = "\tfile\t" in (self.root / "proc/swaps").read_text()
        known = captured_facts()
        return msgspec.structs.replace(
            known,
            disks=disks,
            memory=msgspec.structs.replace(known.memory, zram_bytes=2**31, swap_total_bytes=2**31 + swaps * 2**32),
            clock=ClockFacts(),
            engine=self.engine(),
            power=power_facts(self.machine.host),
        )

    def engine(self) -> EngineFacts:
        seen = self.folder / "runtimes"
        extra = tuple(seen.read_text().split()) if seen.exists() else ()
        started = self.folder / "data-root"
        root = started.read_text() if started.exists() else "/var/lib/docker"
        running = "docker.service" in (self.root / "active").read_text().split()
        found = EngineFacts(
            reachable=running,
            runtimes=("runc", *extra),
            data_root=root,
            containerd="/run/containerd/containerd.sock",
            containers=(self.server,),
        )
        return with_image_root(found, self.machine.host) or found

    def run(self, argv: Sequence[str]) -> Answer:
        with (self.folder / "commands").open("a") as log:
            log.write(" ".join(argv).replace(str(self.root), "") + "\n")
        done = getattr(self, f"_{argv[0].replace('-', '_')}", None)
        return Answer(code=127, text=f"{argv[0]}: not found") if done is None else done(list(argv[1:]))

    @property
    def commands(self) -> list[str]:
        path = self.folder / "commands"
        return path.read_text().splitlines() if path.exists() else []

    def tree(self) -> dict[str, str]:
        """Every name of the board: what it is, and its bytes."""
        return dict(self._tree())

    def _tree(self) -> Iterator[tuple[str, str]]:
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_symlink():
                yield name, f"-> {path.readlink()}"
            elif path.is_dir():
                yield name, f"{path.stat().st_mode:o}"
            else:
                yield name, f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"

    def _kill(self, words: list[str]) -> Answer:
        """What the engine reads when it is sent SIGHUP."""
        daemon = self.machine.place("etc/docker/daemon.json")
        found = json.loads(daemon.read_text().strip() or "{}").get("runtimes") or {} if daemon.exists() else {}
        (self.folder / "runtimes").write_text(" ".join(found))
        return Answer(code=0)

    def _usermod(self, words: list[str]) -> Answer:
        _, group, user = words
        self._group(lambda members: [*members, user], group)
        return Answer(code=0)

    def _gpasswd(self, words: list[str]) -> Answer:
        _, user, group = words
        self._group(lambda members: [one for one in members if one != user], group)
        return Answer(code=0)

    def _group(self, change, group: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        path = self.root / "etc/group"
        lines = []
        for line in path.read_text().splitlines():
            *head, members = line.split(":")
            if head[0] == group:
                members = ",".join(change([one for one in members.split(",") if one]))
            lines.append(":".join([*head, members]))
        path.write_text("\n".join(lines) + "\n")

    def _fallocate(self, words: list[str]) -> Answer:
        Path(words[-1]).write_bytes(b"")
        return Answer(code=0)

    def _mkswap(self, words: list[str]) -> Answer:
        Path(words[-1]).write_bytes(b"SWAPSPACE2")
        return Answer(code=0)

    def _swapon(self, words: list[str]) -> Answer:
        with (self.root / "proc/swaps").open("a") as swaps:
            swaps.write(f"{words[-1].removeprefix(str(self.root))}\tfile\t4194300\t0\t-2\n")
        return Answer(code=0)

    def _swapoff(self, words: list[str]) -> Answer:
        path = self.root / "proc/swaps"
        name = words[-1].removeprefix(str(self.root))
        path.write_text("".join(one for one in path.read_text().splitlines(True) if not one.startswith(f"{name}\t")))
        return Answer(code=0)

    def _nvpmodel(self, words: list[str]) -> Answer:
        status = self.root / "var/lib/nvpmodel/status"
        if words == ["-q"]:
            mode = re.search(r"pmode:(\d+)", status.read_text())
            return Answer(code=0, text=f"NV Power Mode: X\n{int(mode[1]) if mode else 0}\n")
        if words[1] == self.reboot_for and "--force" not in words:
            return Answer(code=255, text=f"NVPM WARN: Reboot required for changing to this power mode: {words[1]}\n")
        status.write_text(f"pmode:{int(words[1]):04} fmode:quiet\n")
        return Answer(code=0)

    def _systemctl(self, words: list[str]) -> Answer:
        verb, *rest = words
        if verb == "is-system-running":
            return Answer(code=0, text="stopping\n" if (self.folder / "stopping").exists() else "running\n")
        unit = (rest or [""])[-1]
        link, running = self.root / WANTS / unit, self.root / "active"
        units = running.read_text().split()
        if verb == "is-enabled":
            return Answer(code=0, text="enabled") if link.is_symlink() else Answer(code=1, text="disabled")
        if verb == "is-active":
            return Answer(code=0, text="active") if unit in units else Answer(code=3, text="inactive")
        if verb in ("enable", "disable"):
            link.unlink(missing_ok=True)
            if verb == "enable":
                link.symlink_to(f"/lib/systemd/system/{unit}")
        if verb in ("start", "stop") or "--now" in rest:
            named = {one for one in rest if not one.startswith("--")}
            now = set(units) | named if verb in ("start", "enable") else set(units) - named
            running.write_text("".join(f"{one}\n" for one in sorted(now)))
            if verb == "start" and "docker.service" in named - set(units):
                self._engine_starts()
        return Answer(code=0)

    def _engine_starts(self) -> None:
        """It makes its data root where there is none, and forgets nothing that lies there."""
        daemon = self.machine.place("etc/docker/daemon.json")
        found = json.loads(daemon.read_text().strip() or "{}") if daemon.exists() else {}
        root = found.get("data-root", "/var/lib/docker")
        (self.folder / "data-root").write_text(root)
        (self.folder / "runtimes").write_text(" ".join(found.get("runtimes") or {}))
        (self.root / root.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _docker(self, words: list[str]) -> Answer:
        """The store that the server holds from its start on, as the kernel does: by what the name leads to then."""
        if words[0] == "restart":
            (self.folder / "served").write_text(str((self.root / (self.machine.host.real(STORE) or "")).resolve()))
        return Answer(code=0)

    def _setpriv(self, words: list[str]) -> Answer:
        """What takes long, and works on files alone, is the real program."""
        done = subprocess.run(words[words.index("--") + 1 :], capture_output=True, text=True, check=False)
        return Answer(code=done.returncode, text=done.stderr)


def in_child(work) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Status of a child that did `work` and ended with 0, or was killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def quiet(_: Event) -> None:
    """Told to no reader."""
