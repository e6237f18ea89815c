"""A container of the planned image, with the plan's own runtime and options, started for a moment.

An engine makes a container with a CDI device that is nowhere, and with a runtime whose hooks fail; only a start shows
that (podman 4.3.1 creates one, and runs none; Docker asks NVIDIA's runtime at the start alone).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import msgspec

from jetson_deploy.catalog.symptoms import believed_order, fitting, is_general
from jetson_deploy.deployment.finding import Finding, refused
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.record import TRIED
from jetson_deploy.doctor.patient import Patient, Seen
from jetson_deploy.errors import JetsonDeployError, UnhealthyError
from jetson_deploy.runtime.port import ContainerState, Runtime
from jetson_deploy.spec import ContainerSpec

NAME = "jetson-deploy-tried"
WORDS = ("--version",)
"""Of the server: it loads its libraries, takes no memory of the GPU, and ends."""
_WHAT = "a container with the GPU"
_SECONDS = 60.0


def tried(patient: Patient, plan: Plan | None, runtime: Runtime, seen: Seen) -> Iterator[Finding]:
    """Nothing is left of it. `plan`: None where something blocks it."""
    if plan is None:
        seen.gaps.append(f"{_WHAT}: not tried, what blocks a deployment comes first")
        return
    try:
        if runtime.find_image(plan.image.reference) is None:
            seen.gaps.append(f"{_WHAT}: not tried, its image is not here (up fetches it): {plan.image.reference}")
            return
        _remove_earlier(runtime)
        runtime.create(NAME, trial_spec(plan.spec))
    except JetsonDeployError as error:
        found = refused(error)
        taken = error.code == "container-name-taken"
        yield msgspec.structs.replace(found, fix=f"if it is not needed: sudo docker rm {NAME}") if taken else found
        return
    try:
        yield from _started(runtime, patient, plan, seen)
    finally:
        with contextlib.suppress(JetsonDeployError):  # the next trial removes it
            runtime.remove(NAME, force=True)


def _started(runtime: Runtime, patient: Patient, plan: Plan, seen: Seen) -> Iterator[Finding]:
    try:
        runtime.start(NAME)
        state = _ended(runtime)
        log = "" if state is None or state.exit_code == 0 else runtime.logs(NAME)
    except JetsonDeployError as error:
        seen.looked_at.append(_WHAT)
        yield refused(error)
        return
    if state is None:
        seen.gaps.append(f"{_WHAT}: another removed it meanwhile")
        return
    seen.looked_at.append(_WHAT)
    if state.exit_code != 0:
        yield _failed(state, log, patient, plan.spec)


def trial_spec(spec: ContainerSpec) -> ContainerSpec:
    """What passes the GPU stays; store, network, restarts and the labels of a deployment do not."""
    return msgspec.structs.replace(
        spec, command=WORDS, mounts=(), network="none", restart="no", labels={TRIED: "yes"}, stop_seconds=1
    )


def _remove_earlier(runtime: Runtime) -> None:
    """Of a trial that was killed; another's of that name stays, and the create names it."""
    for one in runtime.labelled(TRIED, "yes"):
        runtime.remove(one.id, force=True)


def _ended(runtime: Runtime) -> ContainerState | None:
    deadline = time.monotonic() + _SECONDS
    while (state := runtime.inspect(NAME)) is not None and state.state in ("created", "running"):
        if time.monotonic() > deadline:
            return state
        time.sleep(0.05)
    return state


def _failed(state: ContainerState, log: str, patient: Patient, spec: ContainerSpec) -> Finding:
    known = [fit for fit in fitting(log, believed_order(patient.issues.values(), "log")) if not is_general(fit.issue)]
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "it wrote nothing")[:200]
    ended = "did not end" if state.exit_code is None else f"ended with {state.exit_code}"
    program = f"--entrypoint {spec.entrypoint[0]} {spec.image} {WORDS[0]}"
    return Finding(
        id="trial-failed",
        severity="block",
        evidence=f"the planned image was started for a moment with the GPU and {ended}: {last}",
        cause=known[0].issue.title if known else "",
        fix=known[0].advice
        if known
        else f"look what it writes: sudo docker run --rm --runtime {spec.runtime} {program}",
        exit_code=UnhealthyError.exit_code,
    )
