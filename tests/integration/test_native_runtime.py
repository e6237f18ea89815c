"""A native deployment under a real systemd, with a real Ollama that gives tokens: no container engine is there."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from native_host import NativeHost, native_folder, native_host, snapshot, until
from real_ollama import MODEL

pytestmark = pytest.mark.integration
WATCH, RECOVER = "jetson-deploy-watch@default.service", "jetson-deploy-recover@default.service"
UP = ("up", MODEL, "--runtime", "native", "--accept-cpu")


@pytest.fixture
def folder() -> Iterator[Path]:
    with native_folder() as made:
        yield made


def packed(program: Path, archive: Path) -> Path:
    """As upstream's releases have it."""
    plain = archive.with_suffix("")
    with tarfile.open(plain, "w") as tar:
        tar.add(program, "bin/ollama")
    subprocess.run(["zstd", "-1", "-q", "--rm", str(plain), "-o", str(archive)], check=True)
    return archive


def main_pid(host: NativeHost) -> str:
    return host.systemd.shown(host.serving(), "MainPID")


def in_group(host: NativeHost, unit: str) -> list[str]:
    """Command lines of the unit's processes."""
    group = host.systemd.shown(unit, "ControlGroup")
    listed = host.systemd.run(
        "sh",
        "-c",
        f"cat /sys/fs/cgroup/systemd{group}/cgroup.procs /sys/fs/cgroup{group}/cgroup.procs 2>/dev/null || true",
    )
    return sorted(set(listed.split()))


def watched(host: NativeHost, *flags: str) -> None:
    done = host.typed("watch", "--install", *flags)
    assert done.returncode == 0, done.stderr


def test_it_changes_its_context_goes_back_and_leaves_nothing(folder: Path) -> None:
    with native_host(folder) as host:
        before = snapshot(host)
        store = ("--store", str(host.store))
        assert host.deploy(*UP, *store, "--context", "512")["result"] == "done"
        assert host.tokens()
        first = host.serving()
        assert host.systemd.shown(first, "User") == "997"  # the store's owner: its rights stay as they are
        assert host.deploy("up", "--context", "1024")["context_tokens"] == 1024
        assert host.systemd.shown(first, "ActiveState") == "inactive"
        assert host.deploy("up")["result"] == "no-changes"
        assert host.deploy("status", "--drift")["healthy"] is True
        assert host.deploy("rollback")["context_tokens"] == 512
        assert host.tokens()
        assert "/api/generate" in "".join(host.deploy("logs")["lines"])
        assert host.deploy("down")["result"] == "done"
        assert snapshot(host) == before
        assert host.deploy("down")["result"] == "no-changes"
        assert host.deploy("status", code=1)["code"] == "nothing-deployed"
        assert host.deploy("recover")["result"] == "no-changes"
        assert host.deploy("rollback")["context_tokens"] == 512
        assert host.tokens()


def test_an_ollama_service_is_adopted_with_its_store_and_given_back_as_it_was(folder: Path) -> None:
    with native_host(folder, service=True) as host:
        until(lambda: host.systemd.shown("ollama.service", "ActiveState") == "active")
        before = snapshot(host)
        assert host.deploy("plan", *UP[1:])["store"] == str(host.store)
        host.deploy(*UP)
        assert host.tokens()
        assert host.systemd.shown("ollama.service", "ActiveState") == "inactive"
        with contextlib.suppress(AssertionError):
            host.systemd.systemctl("start", "ollama.service")  # by hand, or by the next boot
        assert host.systemd.shown("ollama.service", "ConditionResult") == "no"
        assert host.tokens()
        assert {path.stat().st_uid for path in host.store.rglob("*")} == {997}
        host.deploy("down", "--yes")
        assert snapshot(host) == before
        until(lambda: host.systemd.shown("ollama.service", "ActiveState") == "active")
        assert host.tokens()  # of the service that was there


def test_a_failed_first_deployment_gives_the_service_back_too(folder: Path) -> None:
    with native_host(folder, service=True) as host:
        until(lambda: host.systemd.shown("ollama.service", "ActiveState") == "active")
        before = snapshot(host)
        refused = host.typed(
            "up", MODEL, "--runtime", "native", "--json"
        )  # it serves on the CPU, which is not accepted
        assert refused.returncode == 1, refused.stderr
        assert "lib/ollama" in refused.stderr
        assert snapshot(host) == before
        until(lambda: host.systemd.shown("ollama.service", "ActiveState") == "active")


def test_a_killed_server_leaves_no_runner_and_serves_again(folder: Path) -> None:
    with native_host(folder) as host:
        host.deploy(*UP, "--store", str(host.store))
        assert host.tokens()
        unit = host.serving()
        old = in_group(host, unit)
        assert len(old) >= 2  # the server and its runner
        host.systemd.run("kill", "-9", main_pid(host))
        until(lambda: host.systemd.shown(unit, "NRestarts") == "1")
        until(lambda: host.systemd.shown(unit, "SubState") == "running")
        assert not set(old) & set(in_group(host, unit))
        assert host.tokens()


def test_the_installed_watcher_restarts_a_server_that_hangs(folder: Path) -> None:
    with native_host(folder) as host:
        host.deploy(*UP, "--store", str(host.store))
        watched(host, "--interval", "2")
        until(lambda: host.systemd.shown(WATCH, "ActiveState") == "active")
        first = main_pid(host)
        host.systemd.run("kill", "-STOP", first)
        until(lambda: main_pid(host) not in (first, "0"), 300)
        until(lambda: bool(host.tokens()))


def test_it_serves_after_the_power_was_cut(folder: Path) -> None:
    with native_host(folder, service=True) as host:
        host.deploy(*UP, "--context", "512")
        watched(host)
        host.systemd.systemctl("stop", WATCH)  # which would tidy up before the power goes
        first = host.serving()
        killed = host.typed("up", "--context", "1024", JETSON_DEPLOY_CRASH_AT="up:4:after")
        assert killed.returncode == -9, killed.stderr
        host.keep_units()
    with native_host(folder, service=True, first=False) as host:
        # No engine is there, so that nothing but systemd starts the server again and tidies up behind it.
        until(lambda: host.systemd.shown(RECOVER, "ActiveState") in ("active", "failed"))
        assert host.systemd.shown(RECOVER, "Result") == "success", host.systemd.journal(RECOVER)
        assert host.serving() == first
        until(lambda: host.systemd.shown(first, "SubState") == "running")
        assert host.systemd.shown("ollama.service", "ActiveState") == "inactive"
        assert host.tokens()
        assert len([*host.units.glob("jetson-deploy-*.json")]) == 1
        assert host.deploy("status")["healthy"] is True


def test_where_no_engine_is_an_installed_ollama_is_taken_and_a_mistyped_engine_is_an_error(folder: Path) -> None:
    with native_host(folder) as host:
        unasked = ("up", MODEL, "--accept-cpu", "--store", str(host.store))
        before = snapshot(host)
        mistyped = host.deploy(*unasked, code=3, DOCKER_HOST="unix:///run/dockr.sock")
        assert "/run/dockr.sock" in mistyped["message"]
        assert snapshot(host) == before
        host.deploy(*unasked)
        assert host.tokens()
        host.deploy("down", "--purge", "--yes")
        assert host.deploy("down", "--purge", "--yes")["result"] == "no-changes"
        assert host.systemd.run("/usr/local/bin/ollama", "--version")  # not ours to remove


def test_an_ollama_is_taken_from_a_file_and_where_there_is_none_both_ways_are_named(folder: Path) -> None:
    with native_host(folder) as host:
        host.systemd.run("mv", "/usr/local/bin/ollama", "/run/ollama")
        wanted = ("up", MODEL, "--accept-cpu", "--store", str(host.store))
        for refused in (host.deploy(*wanted, code=3), host.deploy(*wanted, "--runtime", "native", code=3)):
            assert "--archive" in refused["hint"]
            assert "apt-get install" in refused["hint"]
        archive = packed(Path(f"/proc/{host.systemd.pid}/root/run/ollama"), folder / "ollama-linux-amd64.tar.zst")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        assert host.deploy("plan", *wanted[1:], "--archive", str(archive))["image"]["digest"] == f"sha256:{digest}"
        host.deploy(*wanted, "--archive", str(archive))
        assert host.tokens()
        archive.unlink()
        assert host.deploy("up")["result"] == "no-changes"
        host.deploy("down", "--purge", "--yes")
        assert [*(folder / "state/.native").iterdir()] == []
