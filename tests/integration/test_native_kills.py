"""The run that changes a native deployment is killed at the border of a step: what was proven serves on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_points import Point, points
from native_host import NativeHost, native_folder, native_host, snapshot, until
from real_ollama import MODEL

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]
UP = ("up", MODEL, "--runtime", "native", "--accept-cpu")
CONTEXTS = ("512", "1024")


@pytest.fixture
def folder() -> Iterator[Path]:
    with native_folder() as made:
        yield made


def planned(host: NativeHost, *words: str) -> list[Point]:
    return points("up", host.deploy("plan", *words)["steps"])


def chosen(every: list[Point], *, full: bool) -> list[Point]:
    """All, or one in the middle of the change and the last."""
    return every if full else [every[len(every) // 2], every[-1]]


def kill_as(wanted: Point, host: NativeHost, *words: str) -> Point | None:
    """At this border of the steps that it takes now; None: it takes no such step any more."""
    name = (wanted.step["do"], wanted.side, wanted.phase)
    point = next((one for one in planned(host, *words) if (one.step["do"], one.side, one.phase) == name), None)
    if point is not None:
        kill(host, point, "up", *words)
    return point


def kill(host: NativeHost, point: Point, *words: str) -> None:
    killed = host.typed(*words, JETSON_DEPLOY_CRASH_AT=point.crash_at)
    assert killed.returncode == -signal.SIGKILL, (str(point), killed.stderr)


def context(host: NativeHost) -> str:
    return str(host.record()["spec"]["labels"]["io.jetson-deploy.context"])


def left_over(host: NativeHost) -> set[str]:
    """Units without a record, records without a unit, and what runs or is loaded beside what starts at boot."""
    units = {path.stem for path in host.units.glob("jetson-deploy-*.service")}
    records = {path.stem for path in host.units.glob("jetson-deploy-*.json")}
    listed = host.systemd.systemctl(
        "list-units", "--all", "--plain", "--no-legend", "--state=active", "jetson-deploy-*"
    )
    running = {line.split()[0].removesuffix(".service") for line in listed.splitlines()}
    return (units ^ records) | (running ^ {host.serving().removesuffix(".service")})


def test_a_change_that_is_killed_is_recovered(folder: Path, full: bool) -> None:
    with native_host(folder) as host:
        host.deploy(*UP, "--store", str(host.store), "--context", CONTEXTS[0])
        host.deploy("up", "--context", CONTEXTS[1])
        for wanted in chosen(planned(host, "--context", CONTEXTS[0]), full=full):
            old = context(host)
            (new,) = {*CONTEXTS} - {old}
            point = kill_as(wanted, host, "--context", new)
            assert point is not None, str(wanted)
            host.deploy("recover")
            assert context(host) == (new if point.phase == "new" else old), str(point)
            assert host.tokens(), str(point)
            assert left_over(host) == set(), str(point)
            assert host.deploy("status")["healthy"] is True, str(point)


def test_a_first_deployment_that_is_killed_gives_the_service_back(folder: Path, full: bool) -> None:
    with native_host(folder, service=True) as host:
        until(lambda: host.systemd.shown("ollama.service", "ActiveState") == "active")
        before = snapshot(host)
        for wanted in chosen(planned(host, *UP[1:]), full=full):
            if (point := kill_as(wanted, host, *UP[1:])) is None:
                continue  # the program is kept since the first time
            host.deploy("recover")
            if point.phase == "new":
                assert host.tokens(), str(point)
                host.deploy("down")
            assert snapshot(host) == before, str(point)
            until(lambda: host.systemd.shown("ollama.service", "ActiveState") == "active")
