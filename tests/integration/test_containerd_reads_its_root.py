"""What `prepare` goes by when it moves the data of containerd, asked of a real one: its configuration and its lock."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_engine import wait_until

from jetson_deploy.file_lock import is_locked
from jetson_deploy.prepare.steps.containerd_root import DATABASE, checked_by, with_root
from jetson_deploy.prepare.write_file import THE_FILE

pytestmark = pytest.mark.integration
PLAIN = 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
SHAPES = {
    "no file": None,
    "an empty file": "",
    "a comment": '#root = "/var/lib/containerd"\nversion = 2\n[debug]\nlevel = "info"\n',
    "another root": 'version = 2\nroot = "/elsewhere"\n[debug]\nlevel = "info"\n',
    "one in quotes": "version = 2\n'root' = '/elsewhere' # moved\n",
    "line ends of another system": 'version = 2\r\nroot = "/elsewhere"\r\nstate = "/run/containerd"\r\n',
    "a table's root": 'version = 2\n[plugins."io.containerd.snapshotter.v1.native"]\nroot_path = "/x"\n',
}


def asked(path: Path) -> subprocess.CompletedProcess[str]:
    argv = [str(path) if word == THE_FILE else word for word in checked_by()]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_makes_it_use_the_named_root(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(with_root(SHAPES[shape], "/ssd/jetson-deploy/containerd")[0].encode())
    done = asked(path)
    assert done.returncode == 0, done.stderr
    roots = [line for line in done.stdout.splitlines() if line.startswith("root = ")]
    assert [line.split('"')[1] for line in roots] == ["/ssd/jetson-deploy/containerd"]


def test_a_file_that_is_no_toml_is_refused_by_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("root = \n")
    assert asked(tmp_path / "config.toml").returncode not in (0, 127)


def test_its_database_is_locked_while_it_runs_on_a_root_and_then_no_longer(tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert not is_locked(root / DATABASE)
    with containerd(root, tmp_path):
        assert is_locked(root / DATABASE)
    assert (root / DATABASE).is_file()
    assert not is_locked(root / DATABASE)


@contextlib.contextmanager
def containerd(root: Path, folder: Path) -> Iterator[None]:
    config = folder / "config.toml"
    text, _ = with_root(f"version = 2\n{PLAIN}", str(root))
    with tempfile.TemporaryDirectory(prefix="jd-") as short:
        config.write_text(f'state = "{short}/state"\n{text}[grpc]\naddress = "{short}/c.sock"\n')
        with subprocess.Popen(["containerd", "--config", config], stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: Path(short, "c.sock").exists(), "containerd answers")
                yield
            finally:
                process.terminate()
                process.wait(60)
