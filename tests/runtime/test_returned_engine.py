"""What an engine refuses after it was killed in the middle and came back, and what the runtime does about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted_engine import ScriptedEngine, scripted_engine

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.docker.runtime import DockerRuntime

TAKEN = (
    "task 01879d600a: already exists",
    "Cannot restart container jd-a-7: task 01879d600a: already exists",
    'container "120e8424d5": already exists',
    "id already in use",
    "runc create failed: container with id exists: 01879d600a: unknown",
    "failed to create task for container: failed to start shim: mkdir /run/containerd/moby/d47a: file exists",
)
OTHERS = (
    "mkdir /var/lib/docker/overlay2/ab: file exists",
    "network jd already exists",
    "No such container: jd-a-7",
    "container is marked for removal and cannot be started",
)
POLICY = {"Name": "always", "MaximumRetryCount": 0}
FOUND = {
    "Id": "01879d600a",
    "Name": "/jd-a-7",
    "Config": {"Hostname": "board", "Domainname": "", "Image": "r/o@sha256:ab", "Labels": {"k": "v"}, "Cmd": ["serve"]},
    "HostConfig": {"NetworkMode": "host", "RestartPolicy": POLICY, "Mounts": [{"Type": "bind"}]},
}
REMADE = [
    ("GET", "/containers/jd-a-7/json", None),
    ("DELETE", "/containers/again-jd-a-7?v=1&force=1", None),
    (
        "POST",
        "/containers/create?name=again-jd-a-7",
        {
            "Image": "r/o@sha256:ab",
            "Labels": {"k": "v"},
            "Cmd": ["serve"],
            "HostConfig": {
                "NetworkMode": "host",
                "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
                "Mounts": [{"Type": "bind"}],
            },
        },
    ),
    ("DELETE", "/containers/01879d600a?v=1&force=1", None),
    ("POST", "/containers/again-jd-a-7/rename?name=jd-a-7", None),
    ("POST", "/containers/jd-a-7/update", {"RestartPolicy": POLICY}),
]


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    with scripted_engine() as started:
        started.answers = {
            "GET /containers/jd-a-7/json": (200, FOUND),
            "DELETE /containers/again-jd-a-7": (404, {"message": "No such container: again-jd-a-7"}),
            "POST /containers/create": (201, {"Id": "new"}),
        }
        yield started


@pytest.mark.parametrize("text", TAKEN)
@pytest.mark.parametrize("act", ["start", "restart"])
def test_one_whose_id_stays_taken_is_made_again_with_all_its_settings(
    engine: ScriptedEngine, act: str, text: str
) -> None:
    engine.answers[f"POST /containers/jd-a-7/{act}"] = [(500, {"message": text}), (204, b"")]
    runtime = DockerRuntime(engine.host)
    runtime.start("jd-a-7") if act == "start" else runtime.restart("jd-a-7", 5)
    again = engine.asked[0]
    assert engine.asked == [again, *REMADE, again]


def test_one_that_is_known_by_its_id_is_started_by_its_name_then(engine: ScriptedEngine) -> None:
    engine.answers["GET /containers/01879d600a/json"] = (200, FOUND)
    engine.refuse("POST /containers/01879d600a/start", 500, TAKEN[0])
    DockerRuntime(engine.host).quick(3).start("01879d600a")
    assert engine.asked[-1] == ("POST", "/containers/jd-a-7/start", None)


@pytest.mark.parametrize("text", OTHERS)
def test_another_refusal_touches_nothing(engine: ScriptedEngine, text: str) -> None:
    engine.refuse("POST /containers/jd-a-7/start", 409, text)
    with pytest.raises(JetsonDeployError):
        DockerRuntime(engine.host).start("jd-a-7")
    assert [what for what, _, _ in engine.asked] == ["POST"]


def test_it_is_made_again_once_and_then_the_refusal_stands(engine: ScriptedEngine) -> None:
    engine.refuse("POST /containers/jd-a-7/start", 500, TAKEN[0])
    with pytest.raises(JetsonDeployError, match=r"starting the container jd-a-7: .*already exists"):
        DockerRuntime(engine.host).start("jd-a-7")
    assert len(engine.asked) == len(REMADE) + 2


def test_the_old_one_stays_where_the_new_one_cannot_be_made(engine: ScriptedEngine) -> None:
    engine.refuse("POST /containers/jd-a-7/start", 500, TAKEN[0])
    engine.refuse("POST /containers/create", 404, "No such image: r/o@sha256:ab")
    with pytest.raises(JetsonDeployError, match="making the container jd-a-7 again"):
        DockerRuntime(engine.host).start("jd-a-7")
    assert not any(path.startswith("/containers/01879d600a") for _, path, _ in engine.asked)
