"""Pulls from a real registry through a real engine, healthy and with every fault of the table."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from private_engine import PrivateEngine, busybox_tar, private_engine, push, wait_until

from jetson_deploy.errors import (
    IntegrityError,
    InterruptedRunError,
    JetsonDeployError,
    NetworkError,
    PreflightError,
)
from jetson_deploy.events import Event, Progress, silent
from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.runtime import DockerRuntime
from jetson_deploy.runtime.docker.sdk import connect

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PROXY = Path(__file__).with_name("stalling_proxy.py")
LAYER_BYTES = 6_000_000
NEVER = 3600.0
"""What waits that long for the registry hangs, and pytest ends it."""
REPOSITORY = "127.0.0.1:5000/dustynv/ollama"


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    with private_engine() as started:
        yield started


@pytest.fixture(scope="module")
def digest(engine: PrivateEngine) -> str:
    """An image of one small and one incompressible layer, pushed as REPOSITORY:big."""
    layer, out = random.Random(1).randbytes(LAYER_BYTES), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("weights")
        entry.size = len(layer)
        tar.addfile(entry, io.BytesIO(layer))
    with contextlib.closing(engine.client()) as client:
        client.import_image_from_data(busybox_tar(), repository="base", tag="1")
        container = client.create_container("base:1", ["true"])["Id"]
        client.put_archive(container, "/", out.getvalue())
        client.commit(container, REPOSITORY, "big")
        client.remove_container(container)
        pushed = push(client, REPOSITORY, "big")
        for tag in (f"{REPOSITORY}:big", "base:1"):
            client.remove_image(tag, force=True)
    return pushed


@pytest.fixture
def runtime(engine: PrivateEngine, digest: str) -> Iterator[DockerRuntime]:
    """The engine holds no image before and after."""
    yield DockerRuntime(engine.host, Patience(look=10))
    with contextlib.closing(engine.client()) as cleaner:
        for image in cleaner.images():
            cleaner.remove_image(image["Id"], force=True)


@pytest.fixture
def proxy(engine: PrivateEngine) -> Iterator[Callable[..., str]]:
    """`proxy(mode, after, target)` → the repository as seen through a faulty connection."""
    running: list[subprocess.Popen[str]] = []

    def start(mode: str, after: int = 1_000_000, target: int = 5000) -> str:
        port = 5001 + len(running)
        command = engine.inside(sys.executable, str(PROXY), str(port), str(target), mode, str(after))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return f"127.0.0.1:{port}/dustynv/ollama"

    yield start
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def pull(runtime: DockerRuntime, reference: str, stall: float = 30.0) -> None:
    runtime.pull_image(reference, report=silent, stop=threading.Event(), stall_seconds=stall)


def failure(runtime: DockerRuntime, reference: str, stall: float = 30.0) -> JetsonDeployError:
    with pytest.raises(JetsonDeployError) as caught:
        pull(runtime, reference, stall)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


def idle(engine: PrivateEngine) -> bool:
    """True when no layer is under way in the engine."""
    return not list((engine.folder / "data/tmp").glob("GetImageBlob*"))


def test_an_image_is_pulled_by_digest_with_its_progress_in_bytes(runtime: DockerRuntime, digest: str) -> None:
    events: list[Event] = []
    reference = f"{REPOSITORY}:big@{digest}"
    pulled = runtime.pull_image(reference, report=events.append, stop=threading.Event(), stall_seconds=30)
    assert (pulled.digest, pulled.architecture) == (digest, "amd64")
    assert pulled == runtime.find_image(reference)
    last = events[-1]
    assert isinstance(last, Progress)
    assert last.done_bytes == last.total_bytes
    assert LAYER_BYTES < (last.total_bytes or 0) < LAYER_BYTES * 1.5


def test_an_image_that_is_here_is_pulled_again_without_harm(runtime: DockerRuntime, digest: str) -> None:
    pull(runtime, f"{REPOSITORY}@{digest}")
    pull(runtime, f"{REPOSITORY}@{digest}")
    assert runtime.find_image(f"{REPOSITORY}@{digest}") is not None


def test_an_image_pulled_by_tag_tells_its_digest(runtime: DockerRuntime, digest: str) -> None:
    pull(runtime, f"{REPOSITORY}:big")
    found = runtime.find_image(f"{REPOSITORY}:big")
    assert found is not None
    assert found.digest == digest
    assert f"{REPOSITORY}:big" in found.references


@pytest.mark.fault("F26")
def test_an_image_of_another_digest_is_not_found_under_its_tag(runtime: DockerRuntime, digest: str) -> None:
    pull(runtime, f"{REPOSITORY}:big")
    assert runtime.find_image(f"{REPOSITORY}:big@sha256:{'0' * 64}") is None
    assert runtime.find_image(f"{REPOSITORY}:other") is None


@pytest.mark.parametrize("suffix", [":nope", f":big@sha256:{'0' * 64}", "/nothing:1"])
def test_an_image_that_the_registry_lacks_is_not_found(runtime: DockerRuntime, suffix: str) -> None:
    error = failure(runtime, REPOSITORY + suffix)
    assert (type(error), error.code) == (NetworkError, "image-not-found")


@pytest.mark.parametrize("registry", ["127.0.0.1:5999", "registry.invalid"])
@pytest.mark.fault("F13")
def test_a_registry_that_is_not_there_is_unreachable(runtime: DockerRuntime, registry: str) -> None:
    assert failure(runtime, f"{registry}/dustynv/ollama:big").code == "registry-unreachable"


@pytest.mark.fault("F7")
def test_a_registry_that_stalls_inside_a_layer_is_given_up_by_our_watchdog(
    engine: PrivateEngine, runtime: DockerRuntime, proxy: Callable[..., str]
) -> None:
    error = failure(runtime, f"{proxy('stall')}:big", stall=1.5)  # without a watchdog it would hang
    assert (type(error), error.code) == (NetworkError, "registry-stalled")
    wait_until(lambda: idle(engine), "the engine has dropped the pull")


@pytest.mark.fault("F7")
def test_a_registry_that_never_answers_is_given_up_by_our_watchdog(
    runtime: DockerRuntime, proxy: Callable[..., str]
) -> None:
    assert failure(runtime, f"{proxy('stall', 0)}:big", stall=1.5).code == "registry-stalled"


@pytest.mark.fault("F4")
def test_a_cut_connection_is_told_as_such(runtime: DockerRuntime, proxy: Callable[..., str]) -> None:
    assert failure(runtime, f"{proxy('cut')}:big").code == "pull-interrupted"


@pytest.mark.fault("F4")
def test_a_registry_killed_inside_a_layer_fails_the_pull_and_the_next_one_succeeds(
    engine: PrivateEngine, runtime: DockerRuntime, proxy: Callable[..., str]
) -> None:
    reference, inside = f"{proxy('slow')}:big", threading.Event()

    def kill_once_inside() -> None:
        inside.wait(120)
        engine.kill_registry()

    def heard(event: Event) -> None:
        if isinstance(event, Progress) and event.done_bytes:
            inside.set()

    killer = threading.Thread(target=kill_once_inside)
    killer.start()
    try:
        with pytest.raises(NetworkError) as caught:
            runtime.pull_image(reference, report=heard, stop=threading.Event(), stall_seconds=30)
        assert caught.value.code == "pull-interrupted", caught.value.message
    finally:
        killer.join()
        engine.start_registry()
    wait_until(lambda: _pulls(runtime), "the registry is back")


def _pulls(runtime: DockerRuntime) -> bool:
    try:
        pull(runtime, f"{REPOSITORY}:big")
    except NetworkError:
        return False
    return True


@pytest.mark.fault("F10")
def test_a_layer_damaged_on_the_way_is_an_integrity_error(runtime: DockerRuntime, proxy: Callable[..., str]) -> None:
    error = failure(runtime, f"{proxy('corrupt')}:big")
    assert (type(error), error.code, error.exit_code) == (IntegrityError, "image-corrupt", 5)


def test_a_stop_ends_the_pull(engine: PrivateEngine, runtime: DockerRuntime, proxy: Callable[..., str]) -> None:
    stop, begun = threading.Event(), threading.Event()
    reference = f"{proxy('stall')}:big"

    def stop_once_begun() -> None:
        begun.wait(120)
        stop.set()

    timer = threading.Thread(target=stop_once_begun)
    timer.start()
    with pytest.raises(InterruptedRunError):
        runtime.pull_image(reference, report=lambda _: begun.set(), stop=stop, stall_seconds=NEVER)
    timer.join()
    wait_until(lambda: idle(engine), "the engine has dropped the pull")


def test_a_stop_before_the_registrys_first_word_ends_the_pull(
    runtime: DockerRuntime, proxy: Callable[..., str]
) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(InterruptedRunError):
        runtime.pull_image(f"{proxy('stall', 0)}:big", report=silent, stop=stop, stall_seconds=NEVER)


def test_no_thread_is_left_behind(runtime: DockerRuntime) -> None:
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "image-pull"], "the readers are gone")


def test_an_engine_killed_in_the_middle_of_a_pull_is_told_and_the_next_pull_succeeds(
    engine: PrivateEngine, runtime: DockerRuntime, proxy: Callable[..., str]
) -> None:
    reference, begun = f"{proxy('stall')}:big", threading.Event()

    def kill_once_begun() -> None:
        begun.wait(120)
        engine.kill_engine()

    killer = threading.Thread(target=kill_once_begun)
    killer.start()
    try:
        with pytest.raises(PreflightError) as caught:
            runtime.pull_image(reference, report=lambda _: begun.set(), stop=threading.Event(), stall_seconds=NEVER)
        assert caught.value.code == "engine-vanished"
    finally:
        killer.join()
        engine.start_engine()
    pull(runtime, f"{REPOSITORY}:big")


def test_an_engine_that_hangs_is_told_by_every_question(engine: PrivateEngine) -> None:
    runtime = DockerRuntime(engine.host, Patience(look=1))
    engine.freeze_engine()
    try:
        with pytest.raises(PreflightError) as caught:
            runtime.find_image(f"{REPOSITORY}:big")
        with pytest.raises(PreflightError) as connecting:
            connect(engine.host, timeout=1)
    finally:
        engine.signal_engine(signal.SIGCONT)
    assert (caught.value.code, connecting.value.code) == ("engine-hung", "engine-hung")
