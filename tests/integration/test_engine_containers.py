"""The life of a container on a real engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import docker
import pytest
from busybox_engine import LABEL, client, engine, runtime, spec, state
from private_engine import PrivateEngine, wait_until

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.docker.runtime import DockerRuntime

__all__ = ["client", "engine", "runtime"]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_a_container_lives_from_create_to_remove(runtime: DockerRuntime, tmp_path: Path) -> None:
    created = runtime.create("life", spec(tmp_path))
    before = state(runtime, "life")
    assert (before.id, before.state, before.exit_code, before.started_at, before.pid) == (
        created,
        "created",
        None,
        None,
        None,
    )
    runtime.start("life")
    wait_until(lambda: state(runtime, "life").health == "healthy", "healthy")
    running = state(runtime, "life")
    assert (running.state, running.exit_code, running.restart_policy) == ("running", None, "no")
    assert (running.image, running.labels[LABEL], running.oom_killed) == ("busybox:1", "default", False)
    assert Path(f"/proc/{running.pid}").exists()
    assert runtime.logs("life") == "ready\n"
    runtime.stop("life", 3)
    stopped = state(runtime, "life")
    assert (stopped.state, stopped.pid, stopped.exit_code) == ("exited", None, 143)
    runtime.remove("life")
    assert runtime.inspect("life") is None


def test_the_engine_is_given_the_whole_specification(
    client: docker.APIClient, runtime: DockerRuntime, tmp_path: Path
) -> None:
    runtime.create("whole", spec(tmp_path))
    answer = client.inspect_container("whole")
    host, config = answer["HostConfig"], answer["Config"]
    assert {key: host[key] for key in ("Runtime", "NetworkMode", "Init", "PidsLimit", "OomScoreAdj")} == {
        "Runtime": "nvidia",
        "NetworkMode": "host",
        "Init": True,
        "PidsLimit": 64,
        "OomScoreAdj": 200,
    }
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])
    assert host["Tmpfs"] == {"/tmp": "rw,size=16m"}
    assert host["LogConfig"] == {"Type": "local", "Config": {"max-size": "1m", "max-file": "2"}}
    assert host["Ulimits"] == [{"Name": "core", "Soft": 0, "Hard": 0}]
    assert host["Privileged"] is False
    assert (answer["Mounts"][0]["Source"], answer["Mounts"][0]["RW"]) == (str(tmp_path), False)
    assert config["Healthcheck"]["Interval"] == 1_000_000_000
    assert (config["Tty"], config["OpenStdin"], config["StopTimeout"]) == (False, False, 3)
    assert [one for one in config["Env"] if "proxy" in one.lower()] == []


def test_the_hardening_holds_inside(runtime: DockerRuntime, tmp_path: Path) -> None:
    script = "cat /proc/self/status; echo x > /data/f; echo y > /tmp/f && cat /tmp/f; exec sleep 60"
    runtime.create("hard", spec(tmp_path, script))
    runtime.start("hard")
    # Its two streams reach the log in either order.
    wait_until(lambda: {"y", "Read-only"} <= set(runtime.logs("hard").split()), "the script ran")
    text = runtime.logs("hard")
    assert "CapEff:\t0000000000000000" in text
    assert "NoNewPrivs:\t1" in text
    assert "Read-only file system" in text
    assert not (tmp_path / "f").exists()


def test_a_container_is_renamed_and_gets_another_restart_policy(runtime: DockerRuntime, tmp_path: Path) -> None:
    runtime.create("old", spec(tmp_path))
    runtime.rename("old", "new")
    runtime.set_restart("new", "always")
    assert runtime.inspect("old") is None
    assert state(runtime, "new").restart_policy == "always"


def test_stopping_and_removing_twice_is_fine(runtime: DockerRuntime, tmp_path: Path) -> None:
    runtime.create("twice", spec(tmp_path))
    runtime.start("twice")
    runtime.start("twice")
    runtime.stop("twice", 3)
    runtime.stop("twice", 3)
    runtime.remove("twice")
    runtime.remove("twice")
    runtime.stop("twice", 3)


def test_a_running_container_is_only_removed_by_force(runtime: DockerRuntime, tmp_path: Path) -> None:
    runtime.create("busy", spec(tmp_path))
    runtime.start("busy")
    with pytest.raises(JetsonDeployError):
        runtime.remove("busy")
    runtime.remove("busy", force=True)
    assert runtime.inspect("busy") is None


def test_a_failed_run_leaves_its_exit_code_and_log(runtime: DockerRuntime, tmp_path: Path) -> None:
    runtime.create("fails", spec(tmp_path, "echo why >&2; exit 3"))
    runtime.start("fails")
    wait_until(lambda: state(runtime, "fails").state == "exited", "exited")
    assert (state(runtime, "fails").exit_code, runtime.logs("fails")) == (3, "why\n")


def test_the_log_is_bounded_and_undecodable_bytes_are_marked(runtime: DockerRuntime, tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 900 ]; do echo line $i; i=$((i+1)); done; printf '\\377\\n'"
    runtime.create("chatty", spec(tmp_path, script))
    runtime.start("chatty")
    wait_until(lambda: state(runtime, "chatty").state == "exited", "exited")
    lines = runtime.logs("chatty", tail=3).splitlines()
    assert lines == ["line 898", "line 899", "�"]
    assert len(runtime.logs("chatty").splitlines()) == 400


def test_a_log_of_one_endless_line_is_cut(runtime: DockerRuntime, tmp_path: Path) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\000' 'a'; echo; echo end"
    runtime.create("endless", spec(tmp_path, script.replace("head", "busybox head").replace("tr '", "busybox tr '")))
    runtime.start("endless")
    wait_until(lambda: state(runtime, "endless").state == "exited", "exited")
    text = runtime.logs("endless")
    assert text.endswith("end\n")
    assert len(text) <= 256 * 1024


def test_a_followed_log_ends_with_the_container(runtime: DockerRuntime, tmp_path: Path) -> None:
    runtime.create("talks", spec(tmp_path, "echo one; sleep 1; echo two"))
    runtime.start("talks")
    assert b"".join(runtime.follow_logs("talks")) == b"one\ntwo\n"


def test_following_a_log_can_be_given_up(runtime: DockerRuntime, tmp_path: Path) -> None:
    runtime.create("talks", spec(tmp_path, "echo one; exec sleep 60"))
    runtime.start("talks")
    stream = runtime.follow_logs("talks")
    assert next(stream) == b"one\n"
    stream.close()  # type: ignore[attr-defined]  # an iterator by type, a generator in fact
    assert state(runtime, "talks").state == "running"


def test_the_four_questions_are_answered_without_the_sdk(
    engine: PrivateEngine, runtime: DockerRuntime, tmp_path: Path
) -> None:
    runtime.create("seen", spec(tmp_path))
    answers = runtime.answers()
    assert answers.problem is None
    assert answers.info is not None
    assert "nvidia" in answers.info["Runtimes"]
    assert answers.version is not None
    assert answers.version["ApiVersion"]
    assert [one["Names"] for one in answers.containers or ()] == [["/seen"]]
    assert ["busybox:1"] in [one["RepoTags"] for one in answers.images or ()]


def test_a_socket_without_permission_is_told(engine: PrivateEngine) -> None:
    """As another user: root may use every socket."""
    code = (
        "import os\n"
        "from jetson_deploy.runtime.opened import runtime_at\n"
        "from jetson_deploy.runtime.docker.sdk import connect\n"
        "from jetson_deploy.errors import PreflightError\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"print(runtime_at({engine.host!r}).facts().problem)\n"
        f"for ask in (connect, lambda host: runtime_at(host).check()):\n"
        f"    try: ask({engine.host!r})\n"
        "    except PreflightError as error: print(error.code)\n"
    )
    engine.folder.chmod(0o755)
    engine.socket.chmod(0o600)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert (done.stdout.split(), done.stderr) == (["permission", "engine-permission", "engine-permission"], "")
