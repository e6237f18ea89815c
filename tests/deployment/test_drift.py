"""What counts as drift of a container, and what the engine and its images add by themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.deployment.drift import Difference, container_drift, creation_difference, policy_only, since_creation
from jetson_deploy.deployment.record import described
from jetson_deploy.runtime.docker.actual import as_actual
from jetson_deploy.spec import ContainerSpec, HealthCheck, MountSpec

SPEC = ContainerSpec(
    image="a/b:1",
    entrypoint=("ollama",),
    command=("serve",),
    environment={"HOME": "/home/ollama"},
    mounts=(MountSpec(source="/data", target="/models", read_only=True),),
    tmpfs={"/home/ollama": "rw,size=64m"},
    runtime="nvidia",
    network="host",
    restart="always",
    init=True,
    cap_drop=("ALL",),
    security_opt=("no-new-privileges:true",),
    pids_limit=1024,
    oom_score_adj=500,
    log_driver="local",
    log_options={"max-size": "10m"},
    health=HealthCheck(
        command=("ollama", "list"), interval_seconds=60, timeout_seconds=20, start_period_seconds=120, retries=3
    ),
    stop_seconds=30,
    labels={"io.jetson-deploy.name": "default"},
)
IMAGE: dict[str, Any] = {"Config": {"Env": ["PATH=/bin"], "Labels": {"maker": "x"}, "Volumes": {"/cache": {}}}}


def inspect(**changed: Any) -> dict[str, Any]:
    """As Docker answers; a field of `Config` or `HostConfig` is replaced by name."""
    config: dict[str, Any] = {
        "Image": "a/b:1",
        "Entrypoint": ["ollama"],
        "Cmd": ["serve"],
        "Env": ["HOME=/home/ollama", "PATH=/bin"],
        "Healthcheck": {
            "Test": ["CMD", "ollama", "list"],
            "Interval": 60 * 10**9,
            "Timeout": 20 * 10**9,
            "StartPeriod": 120 * 10**9,
            "Retries": 3,
        },
        "StopTimeout": 30,
        "Labels": {"io.jetson-deploy.name": "default", "maker": "x"},
        "User": "",
    }
    host: dict[str, Any] = {
        "Tmpfs": {"/home/ollama": "size=64m,rw"},
        "Runtime": "nvidia",
        "NetworkMode": "host",
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
        "Init": True,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges"],
        "PidsLimit": 1024,
        "OomScoreAdj": 500,
        "LogConfig": {"Type": "local", "Config": {"max-size": "10m"}},
        "MaskedPaths": ["/proc/kcore"],
        "OfALaterEngine": {"x": 1},
    }
    mounts = [
        {"Type": "bind", "Source": "/data", "Destination": "/models", "RW": False},
        {"Type": "volume", "Name": "f" * 64, "Destination": "/cache", "RW": True},
    ]
    for key, value in changed.items():
        (config if key in config else host)[key] = value
    return {"Id": "c", "Name": "/jd-default-1", "Image": "sha256:1", "Config": config, "HostConfig": host,
            "Mounts": changed.get("Mounts", mounts)}  # fmt: skip


RECORDED = Path(__file__).parents[1] / "data" / "inspect"
ANSWERS: dict[str, Any] = json.loads((RECORDED / "engine-20.10.24.json").read_text())
MADE_UP: list[dict[str, Any]] = json.loads((RECORDED / "made-up-newer-engines.json").read_text())


def laid_over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: laid_over(below.get(key), value) for key, value in above.items()}}


def test_a_container_that_an_engine_really_made_has_no_drift_from_what_its_labels_say() -> None:
    actual = as_actual(ANSWERS["container"], ANSWERS["image"])
    spec, gates = described(actual.labels)
    assert spec is not None
    assert gates is not None
    assert container_drift(spec, actual) == ()
    (found,) = container_drift(msgspec.structs.replace(spec, runtime="another"), actual)
    assert (found.what, found.found) == ("runtime", "nvidia")


@pytest.mark.parametrize("variant", MADE_UP, ids=lambda variant: variant["name"])
def test_what_a_later_engine_may_write_otherwise_is_no_drift(variant: dict[str, Any]) -> None:
    container = laid_over(ANSWERS["container"], variant.get("container", {}))
    image = laid_over(ANSWERS["image"], variant.get("image", {}))
    if variant.get("reverse_environment"):
        container["Config"]["Env"] = container["Config"]["Env"][::-1]
    actual = as_actual(container, image)
    spec, _ = described(actual.labels)
    assert spec is not None
    if variant.get("drop_image_environment"):
        own = {key: value for key, value in actual.environment.items() if key in spec.environment}
        actual = msgspec.structs.replace(actual, environment=own)
    assert container_drift(spec, actual) == ()


def test_what_engine_and_image_add_is_no_drift() -> None:
    assert container_drift(SPEC, as_actual(inspect(), IMAGE)) == ()


def test_an_image_that_is_gone_makes_no_drift_of_its_own_environment() -> None:
    assert container_drift(SPEC, as_actual(inspect(), None)) == ()


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"Env": ["HOME=/home/ollama", "PATH=/bin", "OLLAMA_X=1"]}, "environment OLLAMA_X"),
        ({"Env": ["PATH=/bin"]}, "environment HOME"),
        ({"Mounts": []}, "mount /models"),
        ({"Runtime": "runc"}, "runtime"),
        ({"NetworkMode": "bridge"}, "network mode"),
        ({"CapDrop": None}, "capabilities dropped"),
        ({"CapAdd": ["CAP_SYS_ADMIN"]}, "capabilities added"),
        ({"Privileged": True}, "privileged"),
        ({"SecurityOpt": None}, "security options"),
        ({"PidsLimit": -1}, "process limit"),
        ({"Memory": 1 << 30}, "limit Memory"),
        ({"NanoCpus": 10**9}, "limit NanoCpus"),
        ({"Devices": [{"PathOnHost": "/dev/sda"}]}, "devices"),
        ({"User": "1000"}, "user"),
        ({"OomScoreAdj": 0}, "OOM score"),
        ({"LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}}}, "log driver"),
        ({"Healthcheck": None}, "health check"),
        ({"Init": None}, "init"),
        ({"Cmd": ["run"]}, "command"),
        ({"Labels": {}}, "label io.jetson-deploy.name"),
    ],
)
def test_an_edited_field_is_drift_that_needs_a_new_container(changed: dict[str, Any], what: str) -> None:
    found = container_drift(SPEC, as_actual(inspect(**changed), IMAGE))
    assert [d.what for d in found] == [what]
    assert not policy_only(found)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"PidsLimit": None}, id="a kernel without a limit of processes: the engine drops it"),
        pytest.param(
            {"LogConfig": {"Type": "local", "Config": {"max-size": "10m", "compress": "false"}}},
            id="log options of daemon.json for the same driver",
        ),
        pytest.param({"User": "ollama"}, id="the user of the image"),
    ],
)
def test_what_the_engine_does_by_itself_would_be_replaced_at_every_run_and_is_no_drift(
    changed: dict[str, Any],
) -> None:
    image = {"Config": {**IMAGE["Config"], "User": "ollama"}}
    assert container_drift(SPEC, as_actual(inspect(**changed), image)) == ()


def test_the_paths_of_mounts_are_compared_as_the_engine_cleans_them() -> None:
    mount = MountSpec(source="/data//", target="/models/", read_only=True)
    spec = msgspec.structs.replace(SPEC, mounts=(mount,))
    assert container_drift(spec, as_actual(inspect(), {"Config": {"Volumes": {"/cache/": {}}}})) == (
        container_drift(SPEC, as_actual(inspect(), {"Config": {"Volumes": {"/cache": {}}}}))
    )


def test_a_restart_policy_alone_can_be_set_back() -> None:
    found = container_drift(SPEC, as_actual(inspect(RestartPolicy={"Name": "no"}), IMAGE))
    assert policy_only(found)
    both = container_drift(msgspec.structs.replace(SPEC, runtime="runc"), as_actual(inspect(RestartPolicy={}), IMAGE))
    assert not policy_only(both)
    assert not policy_only(())


def test_what_the_engine_made_otherwise_at_birth_is_no_later_drift() -> None:
    born, later = (Difference(what="process limit", deployed="1024", found=found) for found in ("512", "99"))
    assert since_creation((born,), [creation_difference(born)]) == ()
    assert since_creation((later,), [creation_difference(born)]) == (later,)
