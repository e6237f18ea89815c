"""What a real engine refuses, and what we make of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import docker
import pytest
from busybox_engine import client, engine, runtime, spec, state
from private_engine import PrivateEngine, busybox_tar, wait_until

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.docker.runtime import DockerRuntime
from jetson_deploy.spec import ContainerSpec

__all__ = ["client", "engine", "runtime"]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def failure(runtime: DockerRuntime, wanted: ContainerSpec, *, start: bool = False) -> JetsonDeployError:
    if start:
        runtime.create("refused", wanted)
    with pytest.raises(JetsonDeployError) as caught:
        if start:
            runtime.start("refused")
        else:
            runtime.create("refused", wanted)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


def test_an_unknown_runtime_is_the_missing_nvidia_runtime(runtime: DockerRuntime, tmp_path: Path) -> None:
    error = failure(runtime, spec(tmp_path, runtime="nvidia2"))
    assert (error.code, error.exit_code) == ("nvidia-runtime-missing", 3)
    assert "nvidia-ctk" in error.hint


def test_a_missing_bind_source_is_named_and_not_made(runtime: DockerRuntime, tmp_path: Path) -> None:
    gone = tmp_path / "not-mounted"
    error = failure(runtime, spec(gone))
    assert (error.code, error.exit_code) == ("mount-source-missing", 3)
    assert str(gone) in error.message
    assert not gone.exists()


def test_a_taken_name_is_told_with_the_name(runtime: DockerRuntime, tmp_path: Path) -> None:
    runtime.create("refused", spec(tmp_path))
    error = failure(runtime, spec(tmp_path))
    assert (error.code, "refused" in error.message) == ("container-name-taken", True)


def test_a_missing_image_is_told_at_create(runtime: DockerRuntime, tmp_path: Path) -> None:
    assert failure(runtime, spec(tmp_path, image="nothing:1")).code == "image-missing"


def test_a_broken_runtime_is_told_and_the_created_container_can_be_removed(
    runtime: DockerRuntime, tmp_path: Path
) -> None:
    error = failure(runtime, spec(tmp_path, runtime="broken"), start=True)
    assert (error.code, error.exit_code) == ("nvidia-runtime-broken", 3)
    assert state(runtime, "refused").state == "created"
    runtime.remove("refused")
    assert runtime.inspect("refused") is None


def test_a_failing_nvidia_hook_keeps_its_text(engine: PrivateEngine, runtime: DockerRuntime, tmp_path: Path) -> None:
    error = failure(runtime, spec(tmp_path, runtime="hook"), start=True)
    assert (error.code, error.exit_code) == ("nvidia-hook-failed", 3)
    assert "nvidia-container-cli: initialization error: nvml error: driver not loaded" in error.message


def test_an_image_without_the_program_is_told(runtime: DockerRuntime, tmp_path: Path) -> None:
    error = failure(runtime, spec(tmp_path, entrypoint=("ollama",), init=False), start=True)
    assert (error.code, "ollama" in error.message) == ("image-without-program", True)


def test_an_image_without_the_program_exits_127_under_init(runtime: DockerRuntime, tmp_path: Path) -> None:
    """Measured: the engine's init starts, and only the log tells."""
    runtime.create("empty", spec(tmp_path, entrypoint=("ollama",)))
    runtime.start("empty")
    wait_until(lambda: state(runtime, "empty").state == "exited", "exited")
    assert state(runtime, "empty").exit_code == 127
    assert "exec ollama failed: No such file or directory" in runtime.logs("empty")


def test_a_program_for_another_processor_exits_with_its_reason_in_the_log(
    client: docker.APIClient, runtime: DockerRuntime, tmp_path: Path
) -> None:
    """Measured: the engine starts it without complaint."""
    client.import_image_from_data(busybox_tar(), repository="foreign", tag="1")
    container = client.create_container("foreign:1", ["true"])["Id"]
    arm = tmp_path / "arm"
    header = bytearray(Path("/bin/busybox").read_bytes()[:4096])
    header[18:20] = b"\xb7\x00"  # e_machine: AArch64
    arm.write_bytes(bytes(header))
    arm.chmod(0o755)
    tar = subprocess.run(["tar", "-C", str(tmp_path), "-c", "arm"], capture_output=True, check=True).stdout
    client.put_archive(container, "/bin", tar)
    client.commit(container, "foreign", "arm")
    wanted = spec(tmp_path, image="foreign:arm", entrypoint=("/bin/arm",), init=False)
    runtime.create("refused", wanted)
    runtime.start("refused")
    wait_until(lambda: state(runtime, "refused").state == "exited", "exited")
    assert "exec format error" in runtime.logs("refused")
