"""A device that is broken or hostile ends in its own row, with a cause and a fix, and costs bounded memory."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

import pytest
from local_device import CannedDevice, LocalDevice

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.fleet.connection import Answer
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.reading.answer import MOST_BYTES, MOST_PACKED
from jetson_deploy.fleet.reading.facts import facts_of
from jetson_deploy.fleet.reading.read import Reading, read
from jetson_deploy.settings import Settings


def packed(document: Any, *, raw: bytes | None = None) -> bytes:
    data = zlib.compress(json.dumps(document).encode() if raw is None else raw)
    return b"\njetson-deploy-reading/1 %d\n" % len(data) + data


def answered(stdout: bytes = b"", *, exit_status: int = 0, stderr: bytes = b"", cut: bool = False) -> Reading:
    canned = Answer(exit_status=exit_status, stdout=stdout, stderr=stderr, cut=cut)
    return asyncio.run(read(CannedDevice(canned)))


def whole(**changes: Any) -> dict[str, Any]:
    return {"files": {}, "links": {}, "directories": [], "stores": {}, "state": {}, "board": {}, "cut": False} | changes


REFUSED = {
    "nothing at all": (b"", "reading-unusable"),
    "a greeting alone": (b"Welcome to Ubuntu!\n", "banner"),
    "an answer that ends early": (packed(whole())[:-3], "reading-unusable"),
    "no compressed data": (b"\njetson-deploy-reading/1 4\nabcd", "reading-unusable"),
    "a bomb": (packed(None, raw=b" " * (MOST_BYTES + 1)), "reading-too-long"),
    "more than is taken": (b"x" * (MOST_PACKED + 1), "reading-too-long"),
    "no JSON": (packed(None, raw=b"{"), "reading-unusable"),
    "nesting without end": (packed(None, raw=b"[" * 100_000), "reading-unusable"),
    "text that is no UTF-8": (packed(None, raw=b'{"files": {"a": "\xff"}}'), "reading-unusable"),
    "another document": (packed({"schema": "x"}), "reading-unusable"),
    "a member that is not known": (packed(whole(command="reboot")), "reading-unusable"),
    "a file above the root": (packed(whole(files={"../../etc/passwd": "x"})), "reading-unusable"),
    "a file with an absolute name": (packed(whole(files={"/etc/passwd": "x"})), "reading-unusable"),
    "a link above the root": (packed(whole(links={"a/../../b": "/"})), "reading-unusable"),
    "a name longer than any": (packed(whole(files={"a/" * 4000: "x"})), "reading-unusable"),
    "directories in directories": (
        packed(whole(files={f"{n}/{'a/' * 2000}x": "" for n in range(20)})),
        "reading-unusable",
    ),
    "a host name of a megabyte": (packed(whole(board={"host_name": "x" * 2**20})), "reading-unusable"),
    "mounts without end": (packed(whole(files={"proc/mounts": "a /b ext4 rw 0 0\n" * 3000})), "reading-unusable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_answer_that_cannot_be_trusted_is_refused_for_that_device(name: str) -> None:
    stdout, code = REFUSED[name]
    with pytest.raises(DeviceError) as caught:
        answered(stdout)
    assert caught.value.code == code
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400
    assert caught.value.hint


ENDED = {
    "no Python": (127, b"", "no-python", "python3"),
    "an old one": (1, b'  File "<stdin>"\nSyntaxError: invalid \x1b[2Jsyntax\n', "reading-failed", "SyntaxError"),
    "a mount that hangs": (142, b"", "reading-hangs", "hangs"),
    "nothing said": (3, b"", "reading-failed", "it says nothing"),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_script_that_fails_there_is_named_with_what_it_said(name: str) -> None:
    status, stderr, code, said = ENDED[name]
    with pytest.raises(DeviceError, match=said) as caught:
        answered(exit_status=status, stderr=stderr)
    assert caught.value.code == code
    assert caught.value.message.isprintable()


def test_a_greeting_before_the_answer_is_passed_over() -> None:
    reading = answered(b"Welcome!\r\njetson-deploy-reading/2 9\n" + packed(whole(board={"machine": "aarch64"})))
    assert reading.answer.board.machine == "aarch64"
    assert reading.clock_ahead is None


def test_a_board_without_python_is_told_with_what_its_shell_says_of_it() -> None:
    stdout = b"NVIDIA Jetson Orin Nano\n# R36 (release), REVISION: 4.3\x1b[2J\n"
    with pytest.raises(DeviceError) as caught:
        answered(stdout, exit_status=127)
    assert "it is: NVIDIA Jetson Orin Nano, # R36 (release), REVISION: 4.3" in caught.value.message
    assert caught.value.message.isprintable()


def test_a_machine_without_python_is_told_by_its_own_shell() -> None:
    with pytest.raises(DeviceError) as caught:
        asyncio.run(read(LocalDevice(environment={"PATH": "/nonexistent"})))
    assert caught.value.code == "no-python"


ODD: dict[str, dict[str, Any]] = {
    "links in a circle": {"links": {"sys/block/sda": "../sdb", "sys/sdb": "block/sda", "var/lib/docker": "docker"}},
    "a link out of the root": {"links": {"etc/nv_tegra_release": "../../../../etc/passwd"}},
    "an engine's answer of another shape": {"files": {"recorded/engine.json": '{"info": [], "containers": 7}'}},
    "disks of another shape": {"files": {"recorded/disks.json": '{"/": {"free_bytes": "many"}}'}},
    "a disk that no number holds": {
        "files": {
            "recorded/disks.json": f'{{"/": {{"total_bytes": {10**400}, "free_bytes": {10**400}}}}}',
            "proc/mounts": "/dev/sda1 / ext4 rw 0 0\n",
        }
    },
    "a mount of a megabyte": {"files": {"proc/mounts": f"/dev/sda1 /{'a/' * 2**19} ext4 rw 0 0\n"}},
    "escape sequences": {"files": {"proc/device-tree/model": "\x1b]0;owned\x07\x1b[2J"}},
    "figures without end": {"files": {"proc/meminfo": "MemTotal: " + "9" * 5000 + " kB\n"}},
    "a lone surrogate": {"files": {"proc/device-tree/model": "�"}, "state": {"default": {"state.json": "{}"}}},
}


@pytest.mark.parametrize("name", ODD)
def test_whatever_the_files_hold_there_are_facts(name: str) -> None:
    reading = answered(packed(whole(**ODD[name])))
    facts = facts_of(reading.answer, Settings(), load_catalog(), deployment="default")
    assert facts.root == "/"
    assert facts.memory.total_bytes is None
