"""Preflight: findings with numbers before anything is changed; an unknown value is an assumption.

A new check is one generator here and its place in `host_findings` or, where it needs the choice, `choice_findings`.
"""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.catalog.entries import Constant
from jetson_deploy.deployment.finding import Finding, raise_first
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice
from jetson_deploy.deployment.record import deployment_of
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.facts import ContainerFacts, DiskFacts, HostFacts, PortFacts
from jetson_deploy.plan.staged import image_staged, model_staged
from jetson_deploy.units import compared, size_text

ENGINE_HINTS = {
    "absent": "install it: sudo apt-get install -y docker.io nvidia-container-toolkit",
    "stopped": "start it: sudo systemctl start docker (as a snap: sudo snap start docker)",
    "permission": "run with sudo, or add the user to the docker group and log in again",
    "hung": "restart it: sudo systemctl restart docker",
}


STORE_HINT = "put the model on another disk with --store DIR"
IMAGE_HINT = "remove unused images (docker image prune -a), or move Docker's data-root to another disk"


def jetson_findings(facts: HostFacts) -> Iterator[Finding]:
    """A machine that is not a Jetson: what else it lacks follows from that."""
    if facts.is_jetson is False:
        yield _not_ready(
            "not-a-jetson",
            "this machine is not a Jetson (no NVIDIA Tegra device tree, no /etc/nv_tegra_release)",
            "run it on the board; to see the whole flow here, run: jetson-deploy rehearse",
        )


def host_findings(facts: HostFacts, wanted: Wanted, name: str, serving: Instance | None) -> Iterator[Finding]:
    """Engine, names and port. `name`: of the container that would be made."""
    yield from engine_findings(facts)
    yield from _names(facts, wanted, name)
    yield from _port(facts, wanted, serving)


def choice_findings(
    facts: HostFacts, image: ImageChoice, model: ModelChoice, limits: dict[str, Constant]
) -> Iterator[Finding]:
    """Room for what was chosen: the image takes twice its compressed size while it is unpacked."""
    margin = int(limits["disk_margin_bytes"].value)
    model_need = _model_need(facts, model)
    image_need = 0 if image_staged(facts, image) else int((image.size_bytes or 0) * limits["image_unpack_factor"].value)
    store_disk = facts.store.disk if facts.store else None
    image_disk = _disk_of(facts.disks, facts.engine.data_root if facts.engine else None)
    if store_disk is not None and image_disk is not None and _same(store_disk, image_disk):
        what = f"model {model.name} and image {image.reference}"
        yield from _room(store_disk, model_need + image_need, margin, what, f"{STORE_HINT}, or {IMAGE_HINT}")
        return
    yield from _room(store_disk, model_need, margin, f"model {model.name}")
    yield from _room(image_disk, image_need, margin, f"image {image.reference}", IMAGE_HINT)


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
        yield _not_ready(known, "the Docker Engine cannot be used", fix, cause=problem)
    elif "nvidia" not in engine.runtimes:
        yield _not_ready(
            "nvidia-runtime-missing",
            f"Docker has no runtime named nvidia (it has: {', '.join(engine.runtimes) or 'none'})",
            "sudo apt-get install -y nvidia-container-toolkit && "
            "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl reload docker",
        )


def check_engine_reachable(facts: HostFacts) -> None:
    """Refuse an engine that does not answer, for a command that needs no GPU."""
    if facts.engine is not None and not facts.engine.reachable:
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
    other = _deployment_of(facts, port.container_id)
    who = f"deployment {other!r}" if other else port.process or "another process"
    pid = f" (pid {port.pid})" if port.pid else ""
    stop = f"jetson-deploy down --name {other}" if other else "native Ollama: sudo systemctl disable --now ollama"
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


def _model_need(facts: HostFacts, model: ModelChoice) -> int:
    """Bytes yet to be fetched; what is here of the pinned manifest is not fetched again."""
    if model_staged(facts, model):
        return 0
    for found in (facts.store.models or ()) if facts.store else ():
        if found.name == model.name and found.manifest_digest == model.manifest_digest:
            return found.missing_bytes
    return model.download_bytes


def _same(one: DiskFacts, other: DiskFacts) -> bool:
    """One filesystem can be mounted twice: its room is there once."""
    return one.mount == other.mount or (one.device is not None and one.device == other.device)


def _room(disk: DiskFacts | None, need: int, margin: int, what: str, hint: str = STORE_HINT) -> Iterator[Finding]:
    if disk is None or disk.free_bytes is None or need == 0 or disk.free_bytes >= need + margin:
        return
    needed, free = compared(need + margin, disk.free_bytes)
    yield Finding(
        id="disk-full",
        severity="block",
        evidence=f"not enough room on {disk.mount} for {what}: need {needed}, have {free}",
        fix=f"free {size_text(need + margin - disk.free_bytes)} there, or {hint}",
        exit_code=ResourceError.exit_code,
    )


def _not_ready(code: str, evidence: str, fix: str, *, cause: str = "") -> Finding:
    return Finding(
        id=code, severity="block", evidence=evidence, cause=cause, fix=fix, exit_code=PreflightError.exit_code
    )


def _disk_of(disks: tuple[DiskFacts, ...], path: str | None) -> DiskFacts | None:
    if path is None:
        return None
    inside = [d for d in disks if path == d.mount or path.startswith(d.mount.rstrip("/") + "/")]
    return max(inside, key=lambda d: len(d.mount), default=None)


def _is_ours(container: ContainerFacts, wanted: Wanted) -> bool:
    return deployment_of(container.labels) == wanted.name
