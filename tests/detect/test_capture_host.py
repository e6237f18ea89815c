"""scripts/capture-host: what it records is read back, and it names neither the machine nor its users."""

from __future__ import annotations

import http.server
import json
import os
import re
import socket
import socketserver
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.mounts import disk_of
from jetson_deploy.detect.recorded import recorded_engine
from jetson_deploy.facts import HostFacts
from jetson_deploy.monitor.sources.sysfs import SysfsSource

SCRIPT = Path(__file__).parents[2] / "scripts/capture-host"
ENGINE = Path(__file__).parents[1] / "data/detect/engine-20.10.json"
SAMPLE = Path(__file__).parents[1] / "hosts"


def capture(target: Path, *options: str, docker_host: str = "unix:///nonexistent/docker.sock") -> str:
    command = [sys.executable, str(SCRIPT), str(target), *options]
    env = os.environ | {"DOCKER_HOST": docker_host}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


def detected(root: Path) -> HostFacts:
    host = Host(root)
    return detect_host(host, load_catalog(), engine=recorded_engine(host), store=None, port=11434, live=False)


def everything(root: Path) -> str:
    names = [str(p.relative_to(root)) for p in root.rglob("*")]
    links = [str(p.readlink()) for p in root.rglob("*") if p.is_symlink()]
    texts = [p.read_text(errors="replace") for p in root.rglob("*") if p.is_file() and not p.is_symlink()]
    return "\n".join(names + links + texts)


def identities() -> list[str]:
    """Host name, MAC addresses and serial numbers of this very machine."""
    found = [socket.gethostname()]
    for pattern in ("class/net/*/address", "class/dmi/id/*_serial", "firmware/devicetree/base/serial-number"):
        for path in Path("/sys").glob(pattern):
            try:
                found.append(path.read_text(errors="replace").strip("\0 \n"))
            except OSError:
                continue
    return [word for word in set(found) if word and not re.fullmatch("[0:. -]*|None|Default string", word)]


def holds(text: str, word: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", text) is not None


def test_this_machine_is_captured_and_read_back_without_its_name(tmp_path: Path) -> None:
    printed = capture(tmp_path / "root")
    facts, live = (
        detected(tmp_path / "root"),
        detect_host(Host(Path("/")), load_catalog(), engine=None, store=None, port=11434, live=True),
    )
    assert (facts.kernel, facts.architecture, facts.is_jetson) == (live.kernel, live.architecture, live.is_jetson)
    assert facts.memory.total_bytes == live.memory.total_bytes
    assert facts.clock.sane is live.clock.sane
    root, live_root = disk_of(facts.disks, "/"), disk_of(live.disks, "/")
    assert root is not None
    assert live_root is not None
    assert (root.medium, root.total_bytes) == (live_root.medium, live_root.total_bytes)
    assert facts.engine is not None
    assert facts.engine.problem == "absent"
    assert "left out:" in printed
    recorded = everything(tmp_path / "root")
    assert [word for word in identities() if holds(recorded, word)] == []


SECRETS = {
    "serial": "1422921055555",
    "host": "kitchen-pi7",
    "user": "mallory",
    "mac": "48:b0:2d:aa:bb:cc",
    "server": "nas.secret.example",
    "uuid": "3f1c9a52-5d0e-4a53-9c11-9e2b7f6f1234",
    "outside": "0501A8C0",
}


def make_board(root: Path) -> None:
    def put(name: str, text: str) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    base = "sys/firmware/devicetree/base/"
    put(base + "compatible", "nvidia,p3768-0000+p3767-0005-super\0nvidia,tegra234\0")
    put(base + "model", "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0")
    put(base + "serial-number", SECRETS["serial"] + "\0")
    put("etc/hostname", SECRETS["host"] + "\n")
    put("etc/passwd", f"root:x:0:0::/root:/bin/sh\n{SECRETS['user']}:x:1000:1000::/home/{SECRETS['user']}:/bin/sh\n")
    put("etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n")
    put(
        "etc/nv_boot_control.conf",
        f"TNSPEC 3767-300-0005-S.1-1-1-jetson-orin-nano-devkit-super-\nSN {SECRETS['serial']}\n",
    )
    put("etc/nvpmodel.conf", "# Copyright NVIDIA\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\nCPU_ONLINE CORE_0 1\n")
    put("proc/cmdline", f"root=/dev/nvme0n1p1 androidboot.serialno={SECRETS['serial']} mac={SECRETS['mac']}\n")
    put("proc/meminfo", "MemTotal: 7802736 kB\nMemAvailable: 6920601 kB\n")
    put("proc/swaps", f"Filename Type Size\n/home/{SECRETS['user']}/swap file 1000 0 -2\n")
    put(
        "proc/mounts",
        f"/dev/nvme0n1p1 / ext4 rw,relatime 0 0\n{SECRETS['server']}:/x /mnt/nas nfs4 rw,clientaddr=10.9.8.7 0 0\n"
        f"/dev/sda1 /media/{SECRETS['user']}/{SECRETS['uuid']} ext4 rw 0 0\n",
    )
    put(
        "proc/net/tcp",
        f"  sl  local\n   0: {SECRETS['outside']}:0016 00000000:0000 0A 0:0 00:0 0 1000 0 11 1\n"
        "   1: 0100007F:2CAA 00000000:0000 0A 0:0 00:0 0  1000        0 12 1\n"
        f"   2: 0100007F:2CAA {SECRETS['outside']}:0050 01 0:0 00:0 0 1000 0 13 1\n",
    )
    target = "sys/devices/platform/bus@0/3610000.usb/usb2/2-1/host0/block/sda"
    put(target + "/removable", "0\n")
    put(target + "/device/serial", SECRETS["serial"] + "\n")
    put("sys/block/.keep", "")
    (root / "sys/block/sda").symlink_to("../" + target.removeprefix("sys/"))


def test_a_board_is_captured_without_the_words_that_name_it(tmp_path: Path) -> None:
    make_board(tmp_path / "board")
    capture(tmp_path / "root", "--from", str(tmp_path / "board"))
    recorded = everything(tmp_path / "root")
    assert [name for name, secret in SECRETS.items() if secret in recorded] == []
    assert "10.9.8.7" not in recorded
    assert "Copyright" not in recorded


def test_a_captured_board_has_the_facts_of_the_board(tmp_path: Path) -> None:
    make_board(tmp_path / "board")
    capture(tmp_path / "root", "--from", str(tmp_path / "board"))
    before, after = detected(tmp_path / "board"), detected(tmp_path / "root")
    assert (after.board, after.l4t, after.memory, after.power) == (
        before.board,
        before.l4t,
        before.memory,
        before.power,
    )
    assert [d.medium for d in after.disks] == [d.medium for d in before.disks]
    assert after.port is not None
    assert (after.port.listening, after.port.address) == (True, "127.0.0.1")


def test_a_host_called_like_a_board_does_not_spoil_the_boards_own_words(tmp_path: Path) -> None:
    make_board(tmp_path / "board")
    (tmp_path / "board/etc/hostname").write_text("tegra234\n")
    capture(tmp_path / "root", "--from", str(tmp_path / "board"))
    assert detected(tmp_path / "root").board.id == "orin-nano-8gb"


def test_an_archive_holds_the_same_root(tmp_path: Path) -> None:
    make_board(tmp_path / "board")
    capture(tmp_path / "board.tar.gz", "--from", str(tmp_path / "board"))
    with tarfile.open(tmp_path / "board.tar.gz") as archive:
        assert {(m.uname, m.gname, m.uid) for m in archive.getmembers()} == {("", "", 0)}
        archive.extractall(tmp_path, filter="data")
    assert detected(tmp_path / "root").l4t == "36.4.3"


def test_an_existing_capture_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/mine").write_text("kept")
    answer = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "root")], capture_output=True, text=True)
    assert answer.returncode != 0
    assert "is not an empty directory" in answer.stderr
    assert [p.name for p in (tmp_path / "root").iterdir()] == ["mine"]


class Replay(http.server.BaseHTTPRequestHandler):
    """Answers recorded from a real dockerd, as its unix socket gives them."""

    def do_GET(self) -> None:
        answers = json.loads(ENGINE.read_text())
        answers["containers"][0]["Names"] = [f"/{SECRETS['user']}-db"]
        answers["containers"][0]["Labels"] = {"password": SECRETS["serial"]}
        answers["info"]["Name"] = SECRETS["host"]
        answers["images"].append({"Id": "x", "RepoTags": [f"{SECRETS['server']}/private:1"], "Size": 1})
        body = json.dumps(answers[self.path.strip("/").split("/")[0]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_engines_answers_are_recorded_without_what_is_not_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "d.sock")
    with socketserver.UnixStreamServer(path, Replay) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            capture(tmp_path / "root", docker_host=f"unix://{path}")
        finally:
            server.shutdown()
            thread.join()
    engine = detected(tmp_path / "root").engine
    assert engine is not None
    assert (engine.version, "nvidia" in engine.runtimes) == ("20.10.24+dfsg1", True)
    assert sorted(c.name for c in engine.containers) == ["foreign-1", "jd-default-1"]
    assert [i.references for i in engine.images] == [("dustynv/ollama:0.6.8-r36.4-cu126-22.04",)]
    recorded = everything(tmp_path / "root")
    assert [name for name, secret in SECRETS.items() if secret in recorded] == []


def test_a_recorded_engine_of_a_kept_host_is_the_shape_that_capture_writes() -> None:
    recorded = json.loads((SAMPLE / "orin-nano-8gb-jp6.2/root/recorded/engine.json").read_text())
    assert set(recorded) == {"info", "version", "containers", "images"}


def test_the_sensors_of_a_board_read_the_same_from_its_capture(tmp_path: Path) -> None:
    board = Path(__file__).parents[1] / "monitor/boards/orin-nano-super-r36.5"
    capture(tmp_path / "root", "--from", str(board))
    assert SysfsSource(tmp_path / "root", None).read() == SysfsSource(board, None).read()


@pytest.mark.parametrize("name", ["my board", "my board.tar.gz"])
def test_it_ends_with_a_command_that_works(name: str, tmp_path: Path) -> None:
    command = capture(tmp_path / name, "--from", str(SAMPLE / "orin-nano-8gb-jp6.2/root")).splitlines()[-1]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.defpath))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env={"PATH": path})
    assert done.returncode == 0, done.stderr
    assert "deepseek-r1:" in done.stdout


def test_what_tells_a_system_and_the_place_of_its_images_is_captured(tmp_path: Path) -> None:
    source = tmp_path / "board"
    make_board(source)
    for name, text in {
        "etc/os-release": 'ID=tegrademo\nPRETTY_NAME="A Distro 5.1"\nBUILD_ID="kitchen-pi7"\n',
        "etc/containerd/config.toml": 'root = "/mnt/nvme/containerd"\nsecret = "x"\n[grpc]\n  address = "/a"\n',
        "sys/class/dmi/id/bios_version": "v36.4.3\n",
    }.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    capture(tmp_path / "root", "--from", str(source))
    kept = tmp_path / "root/etc"
    assert (kept / "os-release").read_text() == 'ID=tegrademo\nPRETTY_NAME="A Distro 5.1"\n'
    assert (kept / "containerd/config.toml").read_text() == 'root = "/mnt/nvme/containerd"\n[grpc]\n'
    assert detected(tmp_path / "root").system.name == "A Distro 5.1"


KERNEL_LOG = """
Kernel command line: root=/dev/nvme0n1p1 ip=10.9.8.7 androidboot.serialno=1422921055555
systemd[1]: Hostname set to <kitchen-pi7>.
usb 2-1: SerialNumber: 1422921055555
audit: type=1112 audit(1.2:3): acct="mallory" addr=10.9.8.7
input: Mallory's Keyboard as /devices/platform/usb
eth0: renamed, 48:b0:2d:aa:bb:cc, kitchen-pi7 asks 10.9.8.7, 10.9.8.8: and fe80::4ab0:2dff:feaa:bbcc
EXT4-fs (sda1): mounted filesystem 3f1c9a52-5d0e-4a53-9c11-9e2b7f6f1234 on /home/mallory/disk
nvme 0000:01:00.0: enabling at 12:34:56, L4T 36.4.3, 127.0.0.1
soctherm: OC ALARM 0x00000001
"""


def test_the_kernels_log_is_kept_without_what_names_the_board(tmp_path: Path) -> None:
    make_board(tmp_path / "board")
    (tmp_path / "board/recorded").mkdir()
    (tmp_path / "board/recorded/kernel.log").write_text("first\n" * 300_000 + KERNEL_LOG)
    capture(tmp_path / "root", "--from", str(tmp_path / "board"))
    log = (tmp_path / "root/recorded/kernel.log").read_text()
    hidden = [*SECRETS.values(), "10.9.8", "fe80", "4ab0", "Mallory", "Command line"]
    assert [word for word in hidden if word.lower() in log.lower()] == []
    assert "nvme 0000:01:00.0: enabling at 12:34:56, L4T 36.4.3, 127.0.0.1\nsoctherm: OC ALARM 0x00000001\n" in log
    assert len(log) <= 1 << 20


def test_a_root_that_was_captured_before_is_captured_whole(tmp_path: Path) -> None:
    board = SAMPLE / "orin-nano-8gb-jp6.2/root"
    capture(tmp_path / "root", "--from", str(board))
    first, again = msgspec.to_builtins(detected(board)), msgspec.to_builtins(detected(tmp_path / "root"))
    assert {key for key in first if first[key] != again[key]} == {"root"}
