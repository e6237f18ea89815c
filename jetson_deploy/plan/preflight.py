"""Is the host ready? Refusals with numbers before anything is changed; what is not known is an assumption."""

from __future__ import annotations

from jetson_deploy.catalog.entries import Constant
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice
from jetson_deploy.deployment.record import deployment_of
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.facts import ContainerFacts, DiskFacts, EngineFacts, HostFacts, ModelFacts
from jetson_deploy.names import check_image_reference
from jetson_deploy.units import compared, size_text

ENGINE_HINTS = {
    "absent": "install it: sudo apt-get install -y docker.io nvidia-container-toolkit",
    "permission": "run with sudo, or add the user to the docker group and log in again",
    "hung": "restart it: sudo systemctl restart docker",
}


STORE_HINT = "put the model on another disk with --store DIR"
IMAGE_HINT = "remove unused images (docker image prune -a), or move Docker's data-root to another disk"


def check_jetson(facts: HostFacts) -> None:
    """Refuse a machine that is not a Jetson."""
    if facts.is_jetson is False:
        raise PreflightError(
            "this machine is not a Jetson (no NVIDIA Tegra device tree, no /etc/nv_tegra_release)",
            hint="run it on the board; to see the whole flow here, run: jetson-deploy rehearse",
            code="not-a-jetson",
        )


def check_engine(facts: HostFacts) -> None:
    """Refuse an engine that cannot be used. Not asked (a captured board): nothing to refuse."""
    check_engine_reachable(facts)
    engine = facts.engine
    if engine is not None and "nvidia" not in engine.runtimes:
        raise PreflightError(
            f"Docker has no runtime named nvidia (it has: {', '.join(engine.runtimes) or 'none'})",
            hint="sudo apt-get install -y nvidia-container-toolkit && "
            "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl reload docker",
            code="nvidia-runtime-missing",
        )


def check_engine_reachable(facts: HostFacts) -> None:
    """Refuse an engine that does not answer."""
    engine = facts.engine
    if engine is not None and not engine.reachable:
        problem = engine.problem or "unknown"
        raise PreflightError(
            f"the Docker Engine cannot be used: {problem}",
            hint=ENGINE_HINTS.get(problem, "check DOCKER_HOST, and: docker info"),
            code=f"engine-{problem}" if problem in ENGINE_HINTS else "engine-unusable",
        )


def check_names(facts: HostFacts, wanted: Wanted, name: str) -> None:
    """Refuse a foreign container that holds a name we need; it is never touched."""
    for container in facts.engine.containers if facts.engine else ():
        if container.name in (name, name + "-candidate") and not _is_ours(container, wanted):
            raise PreflightError(
                f"a container named {container.name} exists and is not ours (image {container.image})",
                hint=f"rename it (docker rename {container.name} NEW), or choose another --name",
                code="name-taken",
            )


def check_port(facts: HostFacts, wanted: Wanted, serving: Instance | None) -> None:
    """Refuse a port that somebody else holds; they are never touched."""
    port = facts.port
    if port is None or not port.listening:
        return
    mine = {c.id for c in (facts.engine.containers if facts.engine else ()) if _is_ours(c, wanted)}
    if port.container_id in mine:
        return
    # Without root the listener's process cannot be read: then our own running container explains it.
    if port.pid is None and serving is not None and serving.running and serving.record.port == port.port:
        return
    other = _deployment_of(facts, port.container_id)
    who = f"deployment {other!r}" if other else port.process or "another process"
    pid = f" (pid {port.pid})" if port.pid else ""
    stop = f"jetson-deploy down --name {other}" if other else "native Ollama: sudo systemctl disable --now ollama"
    raise PreflightError(
        f"port {port.port} is taken by {who}{pid}",
        hint=f"stop it ({stop}), or choose another port with --port",
        code="port-taken",
    )


def _deployment_of(facts: HostFacts, container_id: str | None) -> str | None:
    found = (c for c in (facts.engine.containers if facts.engine else ()) if c.id == container_id)
    return next((deployment_of(c.labels) for c in found), None)


def check_disks(facts: HostFacts, image: ImageChoice, model: ModelChoice, limits: dict[str, Constant]) -> None:
    """Refuse when image (twice its compressed size while unpacking) or model will not fit, in numbers."""
    margin = int(limits["disk_margin_bytes"].value)
    model_need = _model_need(facts, model)
    image_need = 0 if image_staged(facts, image) else int((image.size_bytes or 0) * limits["image_unpack_factor"].value)
    store_disk = facts.store.disk if facts.store else None
    image_disk = _disk_of(facts.disks, facts.engine.data_root if facts.engine else None)
    if store_disk is not None and image_disk is not None and _same(store_disk, image_disk):
        what = f"model {model.name} and image {image.reference}"
        _room(store_disk, model_need + image_need, margin, what, f"{STORE_HINT}, or {IMAGE_HINT}")
        return
    _room(store_disk, model_need, margin, f"model {model.name}")
    _room(image_disk, image_need, margin, f"image {image.reference}", IMAGE_HINT)


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


def _room(disk: DiskFacts | None, need: int, margin: int, what: str, hint: str = STORE_HINT) -> None:
    if disk is None or disk.free_bytes is None or need == 0 or disk.free_bytes >= need + margin:
        return
    needed, free = compared(need + margin, disk.free_bytes)
    raise ResourceError(
        f"not enough room on {disk.mount} for {what}: need {needed}, have {free}",
        hint=f"free {size_text(need + margin - disk.free_bytes)} there, or {hint}",
        code="disk-full",
    )


def model_staged(facts: HostFacts, model: ModelChoice) -> bool:
    """The store holds the model completely, under the digest that is pinned (any digest if none is)."""
    pin = _pin(facts, model)
    if pin is not None and pin.complete:
        return True  # wherever the tag was moved to
    for found in (facts.store.models or ()) if facts.store else ():
        if found.name == model.name and found.complete:
            return model.manifest_digest in (None, found.manifest_digest)
    return False


def model_pinned(facts: HostFacts, model: ModelChoice) -> bool:
    """The store keeps this very manifest apart from its tag, for the deployment's container to see."""
    return _pin(facts, model) is not None


def pin_lost(facts: HostFacts, model: ModelChoice) -> bool:
    """Somebody looked, and the manifest of a deployment is not there any more."""
    return facts.store is not None and facts.store.pinned is not None and not model_pinned(facts, model)


def _pin(facts: HostFacts, model: ModelChoice) -> ModelFacts | None:
    pins = (facts.store.pinned or ()) if facts.store else ()
    return next((p for p in pins if (p.name, p.manifest_digest) == (model.name, model.manifest_digest)), None)


def image_staged(facts: HostFacts, image: ImageChoice) -> bool:
    """The engine holds the image: by digest where one is pinned, by tag else."""
    wanted = check_image_reference(image.reference)
    digest = f"{wanted.name}@{wanted.digest}"
    tag = f"{wanted.name}:{wanted.tag or 'latest'}"
    held = {r for i in (facts.engine.images if facts.engine else ()) for r in i.references}
    return digest in held if wanted.digest else tag in held


def _disk_of(disks: tuple[DiskFacts, ...], path: str | None) -> DiskFacts | None:
    if path is None:
        return None
    inside = [d for d in disks if path == d.mount or path.startswith(d.mount.rstrip("/") + "/")]
    return max(inside, key=lambda d: len(d.mount), default=None)


def _is_ours(container: ContainerFacts, wanted: Wanted) -> bool:
    return deployment_of(container.labels) == wanted.name


def engine_warnings(engine: EngineFacts | None) -> list[str]:
    if engine is None or not engine.reachable:
        return []
    warnings = []
    if engine.snap:
        warnings.append("Docker is a snap: it hides bind mounts outside $HOME and has no nvidia runtime of its own")
    if engine.rootless:
        warnings.append("Docker is rootless: host networking stays inside its namespace")
    if engine.storage_driver == "vfs":
        warnings.append("Docker stores images with vfs: every layer is a full copy, expect several times the disk use")
    return warnings
