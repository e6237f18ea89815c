"""A support report holds none of the secrets that were put into each of its sources, in none of their forms."""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import shutil
import string
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from fake_board import NAME, FakeBoard

from jetson_deploy.catalog.load import load_issues
from jetson_deploy.deployment.revisions import Actor, Line, State
from jetson_deploy.doctor.patient import Patient
from jetson_deploy.doctor.report.made import Made, made
from jetson_deploy.doctor.report.packed import packed


class Planted:
    """Drawn for this run: nothing can know them by heart."""

    def __init__(self) -> None:
        draw = random.Random()
        letters = "".join(draw.choices(string.ascii_lowercase, k=8))
        digits = "".join(draw.choices("123456789", k=13))
        pairs = [f"{draw.randrange(16, 250):02x}" for _ in range(6)]
        self.words = {
            "password": f"pw/{letters[::-1]}+9!",
            "token": f"hf_{letters}{letters.upper()}12",
            "key": f"k{digits}{letters}",
            "host": f"kiosk-{letters}",
            "user": f"u{letters}",
            "owner": f"Mira {letters.title()}",
            "serial": f"14{digits}",
            "disk": f"S6{letters.upper()}{digits[:4]}",
            "mac": ":".join(pairs),
            "address": f"192.168.{draw.randrange(1, 250)}.{draw.randrange(10, 250)}",
            "other_address": f"10.{draw.randrange(1, 250)}.77.{draw.randrange(10, 250)}",
            "ipv6": f"2001:db8:{pairs[0]}{pairs[1]}::{pairs[2]}17",
            "site": f"hub.{letters}.site",
            "machine": "".join(draw.choices("abcdef0123456789", k=32)),
            "prompt": f"write a poem about {letters} and the sea",
            "answer": f"the sea of {letters} is deep",
        }

    def __getattr__(self, name: str) -> str:
        return self.words[name]

    def forms(self) -> Iterator[tuple[str, str]]:
        for name, word in self.words.items():
            raw = word.encode()
            whole = [
                base64.b64encode(b"\0" * n + raw).decode()[(0, 2, 3)[n] : (n + len(raw)) * 8 // 6] for n in range(3)
            ]
            for form in (word, quote(word, safe=""), json.dumps(word)[1:-1], raw.hex(), *whole):
                yield name, form
        for apart in ("", "-", "_"):
            yield "mac", self.mac.replace(":", apart)
        yield "address", bytes(int(n) for n in reversed(self.address.split("."))).hex()


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


def plant_board(root: Path, planted: Planted) -> None:
    p = planted
    mounts = f"/dev/nvme0n1p1 / ext4 rw 0 0\n{p.site}:/x /mnt/n nfs4 rw,addr={p.address} 0 0\n"
    texts = {
        "etc/hostname": f"{p.host}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {p.host}\n{p.address} {p.site}\n",
        "etc/passwd": f"root:x:0:0::/root:/bin/sh\n{p.user}:x:1000:1000:{p.owner},,,:/home/{p.user}:/bin/sh\n",
        "etc/machine-id": f"{p.machine}\n",
        "sys/firmware/devicetree/base/serial-number": f"{p.serial}\0",
        "sys/class/nvme/nvme0/serial": f"{p.disk}   \n",
        "sys/class/net/eth0/address": f"{p.mac}\n",
        "proc/net/fib_trie": f"Main:\n  +-- 0.0.0.0/0\n           |-- {p.address}\n              /32 host LOCAL\n",
        "proc/mounts": mounts,
        "proc/swaps": f"Filename Type Size Used Priority\n/home/{p.user}/swap file 1000 0 -2\n",
        "proc/cmdline": f"root=/dev/nvme0n1p1 ip={p.address} androidboot.serialno={p.serial}\n",
        "recorded/kernel.log": f"Hostname set to <{p.host}>\nusb: SerialNumber: {p.disk}\nnfs: server {p.site} at "
        f"{p.address} not responding\neth0: {p.mac.upper()} and {p.ipv6}\nsoctherm: OC ALARM 0x1\n",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def server_log(planted: Planted) -> list[str]:
    p = planted
    basic = base64.b64encode(f"{p.user}:{p.password}".encode()).decode()
    chat = json.dumps({"model": "r1", "messages": [{"role": "user", "content": p.prompt}], "stream": True})
    return [
        f'time=2026 msg="server config" env="map[HF_TOKEN:{p.token} OLLAMA_HOST:http://127.0.0.1 HTTPS_PROXY:'
        f'http://{p.user}:{quote(p.password, safe="")}@{p.site}:3128]"',
        f'[GIN] 2026/11/29 - 10:00:00 | 200 | 1.2s | {p.address} | POST "/api/chat"',
        f'time=2026 level=DEBUG msg="chat request" images=0 prompt={json.dumps("<|User|>" + p.prompt)}',
        f"<|im_start|>user\n{p.prompt}\n<|im_end|>\n[GIN] later",
        f"srv  log_server_r: request:  {chat}",
        f'srv  log_server_r: response: {{"content":"{p.answer}"}}',
        f"slot launch: prompt: {p.prompt}",
        f"Authorization: Basic {basic}",
        f'{{"auths":{{"{p.site}":{{"auth":"{basic}"}}}}}}',
        f"curl --token {p.token} https://{p.site}/v1?api_key={p.key}",
        f"dial tcp: lookup {p.site} on {p.other_address}:53: no such host",
        f"open /home/{p.user}/x: denied for {p.user}@{p.host}; repeats {p.password} and {p.key}",
        f"Your new public key is: ssh-ed25519 {'AAAA' + 'C3NzaC1lZDI1' * 4} {p.user}@{p.host}",
        f"hex {p.password.encode().hex()} and {base64.b64encode(p.host.encode()).decode()} {p.mac.replace(':', '')}",
        "load_backend: loaded CUDA backend, eos_token = 151643, offloaded 29/29 layers to GPU",
    ]


def plant_state(board: FakeBoard, planted: Planted) -> None:
    p, folder = planted, board.settings.state_dir / NAME
    who = Actor(user=p.user, source=p.address, command="up", version="1")

    def changed(state: State) -> State:
        revisions = tuple(
            msgspec.structs.replace(one, by=who, reason=f"password={p.password} on {p.host}") for one in state.revisions
        )
        line = Line(at="2026", command="up", result="failed", text=f"see https://{p.user}:{p.key}@{p.site}/", by=who)
        return msgspec.structs.replace(state, revisions=revisions, lines=(*state.lines, line))

    from jetson_deploy.state.directory import StateDirectory

    StateDirectory(board.settings.state_dir, NAME).change(changed)
    evidence = folder / "evidence/0007-server"
    evidence.mkdir(parents=True)
    (evidence / "server.log").write_text("\n".join(server_log(p)))
    (evidence / "container.json").write_text(json.dumps({"Env": [f"API_KEY={p.key}"], "Hostname": p.host}))
    (folder / "brought.json").write_text(json.dumps({"models": [{"name": "x", "store": f"/home/{p.user}/models"}]}))


@pytest.fixture(scope="module")
def reported(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, bytes]:
    folder = tmp_path_factory.mktemp("board")
    board = FakeBoard(folder)
    root = folder / "root"
    shutil.copytree(board.root, root, symlinks=True)
    board.root = root
    board.up()
    plant_board(root, planted)
    plant_state(board, planted)
    container = board.runtime.containers["jd-default-1"]
    container.log += [("2026", line) for line in server_log(planted)]
    assert container.spec is not None
    settings = {**container.spec.environment, "OLLAMA_API_KEY": planted.key, "WHERE": f"http://{planted.site}"}
    container.spec = msgspec.structs.replace(container.spec, environment=settings)
    container.labels["note"] = json.dumps({"password": planted.password, "who": planted.user, "at": planted.address})
    patient = Patient(
        root=root,
        settings=msgspec.structs.replace(board.settings, mirrors=(f"https://{planted.site}:8443",)),
        catalog=board.catalog,
        issues=load_issues(),
        deployment=NAME,
        servers=board.server.of,
        store=board.store,
    )
    environ = {"HTTPS_PROXY": f"http://{planted.user}:{planted.password}@{planted.site}:1", "SUDO_USER": planted.user}
    done = made(patient, board.runtime, environ)
    return done, packed(done)


def test_no_planted_secret_is_in_the_file_in_any_of_its_forms(planted: Planted, reported: tuple[Made, bytes]) -> None:
    archive = gzip.decompress(reported[1]).decode("latin-1")
    plain = archive.lower()
    found = [(name, form) for name, form in planted.forms() if form in archive or form.lower() in plain]
    assert found == []


def test_every_source_was_really_in_it(reported: tuple[Made, bytes]) -> None:
    report, files = reported[0].report, reported[0].files
    assert {
        *("facts.json", "plan.json", "doctor.json", "versions.json", "root/", "state/state.json", "state/brought.json"),
        *("logs/jd-default-1.log", "engine/jd-default-1.json"),
        *("state/evidence/0007-server/server.log", "state/evidence/0007-server/container.json"),
    } <= set(report.parts)
    assert not [one for one in report.left_out if "a fault of jetson-deploy" in one]
    assert "offloaded 29/29 layers to GPU" in files["logs/jd-default-1.log"]
    assert "eos_token = 151643" in files["logs/jd-default-1.log"]
    assert "soctherm: OC ALARM" in files["root/recorded/kernel.log"]


def test_each_kind_of_redaction_is_counted(reported: tuple[Made, bytes]) -> None:
    counts = reported[0].report.redactions
    kinds = {"secret", "prompt", "serial number", "host name", "user name", "MAC address", "IP address", "identifier"}
    assert {kind for kind in kinds - {"serial number", "identifier"} if not counts.get(kind)} == set()
    assert set(counts) - kinds <= {"line of the kernel's log", "name"}


def test_the_state_in_it_can_be_read(reported: tuple[Made, bytes]) -> None:
    from jetson_deploy.state.state_file import decode_state

    text = reported[0].files[f"root/var/lib/jetson-deploy/{NAME}/state.json"]
    found = decode_state(text.encode(), Path("state.json"), NAME)
    assert found.problem is None
    assert found.state is not None
    assert found.state.revisions


def test_the_archive_names_nobody_as_its_owner(reported: tuple[Made, bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(reported[1])) as archive:
        assert {(one.uid, one.uname, one.gname) for one in archive.getmembers()} == {(0, "", "")}
