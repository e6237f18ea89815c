"""Preflight: findings with numbers before anything is changed; an unknown value is an assumption.

A new check is one generator here and its place in `host_findings` or, where it needs the choice, `choice_findings`.
"""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.catalog.entries import Constant
from jetson_deploy.deployment.finding import Finding, raise_first
from jetson_deploy.deployment.instance import Instance, is_known
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice
from jetson_deploy.deployment.record import deployment_of
from jetson_deploy.deployment.request import NATIVE_RUNTIME, Wanted
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.facts import ContainerFacts, HostFacts, PortFacts
from jetson_deploy.plan.native import native_findings
from jetson_deploy.plan.room import lacking, part_of
from jetson_deploy.plan.system_advice import engine_advice
from jetson_deploy.units import compared, size_text

OLLAMA_SERVICE = "ollama.service"
ENGINE_HINTS = {
    "absent": "install it: sudo apt-get install -y docker.io nvidia-container-toolkit; "
    "or serve without it: an installed Ollama, or one in a file (--archive ollama-linux-arm64.tgz)",
    "stopped": "start it: sudo systemctl start docker (as a snap: sudo snap start docker)",
    "permission": "run with sudo, or add the user to the docker group and log in again",
    "hung": "after a boot it may still be starting (systemctl is-active docker: activating), then wait; "
    "else: sudo systemctl restart docker",
}


def jetson_findings(facts: HostFacts) -> Iterator[Finding]:
    """A machine that is not a Jetson: what else it lacks follows from that."""
    if facts.system.drive:
        yield _not_ready(
            "not-a-jetson",
            f"this machine runs DRIVE OS (board {facts.board.model or 'unknown'}, kernel {facts.kernel or 'unknown'}), "
            "NVIDIA's system for vehicles: it is not a Jetson, and no image for Jetson Linux fits its driver",
            "use the DRIVE SDK; do not install L4T packages there, they are not made for it",
        )
    elif facts.is_jetson is False:
        yield _not_ready(
            "not-a-jetson",
            "this machine is not a Jetson (no NVIDIA Tegra device tree, no /etc/nv_tegra_release)",
            "run it on the board; to see the whole flow here, run: jetson-deploy rehearse",
        )
    elif facts.architecture_contradicts:
        yield _not_ready(
            "wrong-architecture",
            f"the device tree is a Jetson's ({facts.board.soc}), and this machine is {facts.architecture}: "
            "images for Jetsons are 64-bit ARM",
            "run it on the board, under a 64-bit system; a captured root records its own in recorded/uname.json",
        )


def host_findings(facts: HostFacts, wanted: Wanted, name: str, serving: Instance | None) -> Iterator[Finding]:
    """Engine, names and port. `name`: of the container that would be made."""
    yield from native_findings(facts) if wanted.runtime == NATIVE_RUNTIME else engine_findings(facts)
    yield from _names(facts, wanted, name)
    yield from _port(facts, wanted, serving)


def choice_findings(
    facts: HostFacts, image: ImageChoice, model: ModelChoice, limits: dict[str, Constant], instead: str = ""
) -> Iterator[Finding]:
    """Room for what was chosen. `instead`: a smaller model that there is room for."""
    for lack in lacking(facts, image, part_of(model), limits):
        needed, free = compared(lack.need_bytes, lack.free_bytes)
        other = f", or take {instead}, which there is room for" if instead else ""
        yield Finding(
            id="disk-full",
            severity="block",
            evidence=f"not enough room on {lack.disk.mount} for {lack.what}: need {needed}, have {free}",
            fix=f"free {size_text(lack.missing_bytes)} there, or {lack.hint}{other}",
            exit_code=ResourceError.exit_code,
        )


def store_findings(facts: HostFacts) -> Iterator[Finding]:
    """No place for the model at all."""
    if facts.store is None:
        yield _not_ready(
            "store-unknown",
            "no disk of this host is known to take the model store",
            "name a directory with --store DIR",
        )


def engine_findings(facts: HostFacts) -> Iterator[Finding]:
    """An engine that cannot be used. Not asked (a captured board): nothing is found."""
    engine = facts.engine
    if engine is None:
        return
    if not engine.reachable:
        problem = engine.problem or "unknown"
        known = f"engine-{problem}" if problem in ENGINE_HINTS else "engine-unusable"
        fix = ENGINE_HINTS.get(problem, "check DOCKER_HOST, and: docker info")
        fix = (engine_advice(facts) if problem == "absent" else None) or fix
        yield _not_ready(known, "the Docker Engine cannot be used", fix, cause=problem)
    elif engine.podman:
        yield _not_ready(
            "engine-podman",
            f"Podman {engine.version or ''} answers on Docker's socket, and deployments run on Docker Engine alone",
            "install Docker Engine (docker.io) in the place of podman-docker, or name its socket with DOCKER_HOST",
        )
    elif "nvidia" not in engine.runtimes:
        yield _not_ready(
            "nvidia-runtime-missing",
            f"Docker has no runtime named nvidia (it has: {', '.join(engine.runtimes) or 'none'})",
            engine_advice(facts)
            or "sudo apt-get install -y nvidia-container-toolkit && "
            "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl reload docker",
        )


def check_engine_reachable(facts: HostFacts, deployment: str) -> None:
    """Refuse an engine that does not answer, for a command that needs no GPU."""
    if facts.engine is not None and not is_known(facts.engine, deployment):
        raise_first(engine_findings(facts))


def _names(facts: HostFacts, wanted: Wanted, name: str) -> Iterator[Finding]:
    """Foreign containers that hold a name we need; they are never touched."""
    for container in facts.engine.containers if facts.engine else ():
        if container.name in (name, name + "-candidate") and not _is_ours(container, wanted):
            yield _not_ready(
                "name-taken",
                f"a container named {container.name} exists and is not ours (image {container.image})",
                f"rename it (docker rename {container.name} NEW), or choose another --name",
            )


def _port(facts: HostFacts, wanted: Wanted, serving: Instance | None) -> Iterator[Finding]:
    """A port that another process holds; it is never touched."""
    port = facts.port
    if port is None or not port.listening or _explained(port, facts, wanted, serving):
        return
    native = facts.engine.native if facts.engine else None
    its_own = port.unit == OLLAMA_SERVICE or (port.pid is None and native is not None and native.unprivileged)
    if wanted.runtime == NATIVE_RUNTIME and its_own and native and native.service_port == port.port:
        return  # it makes room, and is given back by `down`
    other = _deployment_of(facts, port.container_id)
    who = f"deployment {other!r}" if other else port.process or "another process"
    pid = f" (pid {port.pid})" if port.pid else ""
    stop = (
        f"jetson-deploy down --name {other}"
        if other
        else "native Ollama: keep it with --runtime native, or sudo systemctl disable --now ollama"
    )
    yield _not_ready(
        "port-taken",
        f"port {port.port} is taken by {who}{pid}",
        f"stop it ({stop}), or choose another port with --port",
    )


def _explained(port: PortFacts, facts: HostFacts, wanted: Wanted, serving: Instance | None) -> bool:
    """It is our own server that listens, as far as can be seen."""
    engine = facts.engine
    if engine is not None and not engine.reachable and (port.pid is None or port.container_id):
        return True  # whose container it is only the engine can tell
    if port.container_id in {c.id for c in (engine.containers if engine else ()) if _is_ours(c, wanted)}:
        return True
    # Without root the listener's process cannot be read: then our own running container explains it.
    return port.pid is None and serving is not None and serving.running and serving.record.port == port.port


def _deployment_of(facts: HostFacts, container_id: str | None) -> str | None:
    found = (c for c in (facts.engine.containers if facts.engine else ()) if c.id == container_id)
    return next((deployment_of(c.labels) for c in found), None)


def _not_ready(code: str, evidence: str, fix: str, *, cause: str = "") -> Finding:
    return Finding(
        id=code, severity="block", evidence=evidence, cause=cause, fix=fix, exit_code=PreflightError.exit_code
    )


def _is_ours(container: ContainerFacts, wanted: Wanted) -> bool:
    return deployment_of(container.labels) == wanted.name
