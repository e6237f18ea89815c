"""`doctor --try-gpu` on a real engine: what a create lets pass, the start shows. NVIDIA's runtime is a stand-in."""

from __future__ import annotations

from pathlib import Path

import docker
import msgspec
import pytest
from busybox_engine import client, engine, runtime, spec

from jetson_deploy.catalog.load import load_catalog, load_issues
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.record import TRIED
from jetson_deploy.doctor.explained import explained
from jetson_deploy.doctor.finding import HostFinding
from jetson_deploy.doctor.patient import Patient, Seen
from jetson_deploy.doctor.trial import NAME, tried
from jetson_deploy.rehearsal.product_plan import product_plan
from jetson_deploy.runtime.docker.runtime import DockerRuntime
from jetson_deploy.server.opened import open_server
from jetson_deploy.settings import Settings

__all__ = ["client", "engine", "runtime"]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
BOARD = Path(__file__).parents[1] / "hosts" / "orin-nano-8gb-jp6.2" / "root"
PATIENT = Patient(
    root=BOARD,
    settings=Settings(),
    catalog=load_catalog(),
    issues=load_issues(),
    deployment="default",
    servers=open_server,
    try_gpu=True,
)


def planned(of: str = "nvidia", program: str = "true") -> Plan:
    """The board's own plan, with a program of busybox in the place of the server."""
    plan = product_plan(BOARD, None)
    image = msgspec.structs.replace(plan.image, reference="busybox:1")
    here = msgspec.structs.replace(plan.spec, image="busybox:1", runtime=of, entrypoint=(program,))
    return msgspec.structs.replace(plan, image=image, spec=here)


def found_by(runtime: DockerRuntime, plan: Plan) -> tuple[tuple[HostFinding, ...], Seen]:
    seen = Seen()
    return explained(tried(PATIENT, plan, runtime, seen), PATIENT.issues), seen


def names(client: docker.APIClient) -> list[str]:
    return [name for one in client.containers(all=True) for name in one["Names"]]


def test_a_container_that_starts_and_ends_well_shows_nothing_and_is_gone(
    runtime: DockerRuntime,
    client: docker.APIClient,
) -> None:
    found, seen = found_by(runtime, planned())
    assert (found, seen.looked_at, names(client)) == ((), ["a container with the GPU"], [])


def test_a_device_that_is_nowhere_passes_the_create_and_is_named_by_the_run(
    runtime: DockerRuntime,
    client: docker.APIClient,
    tmp_path: Path,
) -> None:
    assert runtime.create("made", spec(tmp_path, runtime="cdi"))
    runtime.remove("made")
    (found,), _ = found_by(runtime, planned(of="cdi"))
    assert (found.id, found.severity) == ("cdi-unresolvable", "block")
    assert "nvidia-ctk cdi generate" in found.fix
    assert "unresolvable CDI devices runtime.nvidia.com/gpu=all" in found.evidence
    assert names(client) == []


def test_a_program_that_fails_is_told_with_its_exit_code(
    runtime: DockerRuntime,
    client: docker.APIClient,
) -> None:
    (found,), _ = found_by(runtime, planned(program="false"))
    assert (found.id, found.severity, "ended with 1" in found.cause) == ("trial-failed", "block", True), found
    assert "docker run --rm --runtime nvidia --entrypoint false busybox:1 --version" in found.fix
    assert names(client) == []


def test_what_a_killed_trial_left_is_removed_and_a_container_of_others_is_not(
    runtime: DockerRuntime,
    client: docker.APIClient,
    tmp_path: Path,
) -> None:
    runtime.create(NAME, spec(tmp_path, labels={TRIED: "yes"}))
    assert found_by(runtime, planned())[0] == ()
    runtime.create(NAME, spec(tmp_path))
    (found,), _ = found_by(runtime, planned())
    assert (found.id, found.fix) == ("container-name-taken", f"if it is not needed: sudo docker rm {NAME}")
    assert names(client) == [f"/{NAME}"]
