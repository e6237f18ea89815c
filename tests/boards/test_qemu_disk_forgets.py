"""What qemu wrote to a forgetful disk and did not flush is gone with qemu."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from jetson_deploy.rehearsal.virtual import forgetful_disk

pytestmark = [pytest.mark.boards, pytest.mark.timeout(60)]
SIZE = 1 << 20


@pytest.mark.parametrize(("flush", "kept"), [((), b"o"), (("flush",), b"n")], ids=["not flushed", "flushed"])
def test_a_client_that_is_killed_leaves_what_it_flushed(tmp_path: Path, flush: tuple[str, ...], kept: bytes) -> None:
    disk, path = tmp_path / "disk", tmp_path / "socket"
    disk.write_bytes(b"o" * SIZE)
    forgetful_disk.begin(disk, path)
    acts = (f"write -q -P {ord('n')} 4096 8192", *flush, f"read -P {ord('n')} 4096 8192", "sleep 60000")
    argv = ["stdbuf", "-oL", "qemu-io", "-f", "raw", "-t", "writeback", *(word for act in acts for word in ("-c", act))]
    with subprocess.Popen([*argv, f"nbd+unix:///?socket={path}"], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline().startswith("read 8192/8192")
        client.kill()
    time.sleep(0.2)  # were it written late, it would be seen
    assert disk.read_bytes() == b"o" * 4096 + kept * 8192 + b"o" * (SIZE - 4096 - 8192)
