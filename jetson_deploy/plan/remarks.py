"""Remarks beside the decisions: warnings, and assumptions for unknown values."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.older_version import changed_settings
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.facts import EngineFacts, HostFacts
from jetson_deploy.names import check_image_reference, is_native
from jetson_deploy.plan.gates import weaker_gates
from jetson_deploy.plan.image_place import image_remarks
from jetson_deploy.plan.speed import mode_counts
from jetson_deploy.plan.stored_model import assumed_of
from jetson_deploy.server.port import Server
from jetson_deploy.server.workload import Layers
from jetson_deploy.spec import ContainerSpec
from jetson_deploy.units import size_text

DESKTOP_WORTH_NAMING = 200 << 20


def warnings(
    facts: HostFacts, catalog: Catalog, wanted: Wanted, image: ImageChoice, model: ModelChoice
) -> Iterator[Finding]:
    yield from _early(facts, catalog)
    yield from _model(catalog, wanted, model)
    yield from _host(facts)
    native = is_native(image.reference)
    if facts.native_ollama and not native:
        text = "a native Ollama is installed too: it competes for the port and the memory when started"
        yield _warning("native-ollama", text, "--runtime native deploys that one")
    if image.advisories:
        yield _advised(image.advisories, native=native)
    for text in weaker_gates(wanted, catalog, model):
        yield _warning("gate-weaker", text)
    if wanted.accept_cpu:
        text = "a CPU-only server is accepted (--accept-cpu): the GPU gate does not protect this deployment"
        yield _warning("cpu-accepted", text)


def _advised(advisories: tuple[str, ...], *, native: bool) -> Finding:
    whose = "this" if native else "the image's"
    text = f"{whose} Ollama has {len(advisories)} known advisories ({', '.join(advisories[:3])}…): "
    newer = "upgrade it, or name a newer one: --archive FILE"
    fix = newer if native else "--image-policy secure prefers one with fewer"
    return _warning("image-advisories", f"{text}it listens on loopback only and sees the store read-only", fix)


def host_warnings(facts: HostFacts, catalog: Catalog) -> Iterator[Finding]:
    """Those of `warnings` that need no choice, for a host that none can be made for."""
    yield from _early(facts, catalog)
    yield from _host(facts)
    yield from _identity(facts)


def _early(facts: HostFacts, catalog: Catalog) -> Iterator[Finding]:
    release = f"{facts.l4t} (treated like {facts.l4t_assumed})" if facts.l4t_assumed else facts.l4t
    for text in _release_warnings(facts, catalog):
        yield _warning("l4t-release", f"L4T {release}: {text}")
    for text in facts.notes:
        yield _warning("host-odd", text)
    yield from _engine(facts.engine)
    yield from _power(facts, catalog)
    yield from _memory(facts)
    yield from _disk(facts)
    yield from image_remarks(facts)


def made_by_older(facts: HostFacts, serving: Instance, spec: ContainerSpec, server: Server) -> Iterator[Finding]:
    """One for each setting for which a container of an older version is replaced, though the user asks for no other."""
    containers = facts.engine.containers if facts.engine else ()
    labels = next((c.labels for c in containers if c.id == serving.container_id), {})
    for one in changed_settings(labels, spec):
        reason = server.reason_of(one.field.rpartition(".")[2])
        yield _warning(
            "made-by-older-version",
            f"deployed by jetson-deploy {serving.record.version}, replaced once for {one.field}: "
            f"{one.before} -> {one.after}" + (f" ({reason})" if reason else ""),
        )


def missed(server: Server, layers: Layers) -> Iterator[Finding]:
    """What clients of the usual server miss."""
    for text in (server.lacks, server.leaves_out(layers)):
        if text:
            yield _note("server-lacks", f"{server.title}: {text}")


def _warning(code: str, evidence: str, fix: str = "") -> Finding:
    return Finding(id=code, severity="warning", evidence=evidence, fix=fix)


def _note(code: str, evidence: str) -> Finding:
    return Finding(id=code, severity="note", evidence=evidence)


def _release_warnings(facts: HostFacts, catalog: Catalog) -> tuple[str, ...]:
    listed = facts.l4t_assumed or facts.l4t
    release = catalog.release_of(listed) if listed else None
    return release.warnings if release else ()


def _engine(engine: EngineFacts | None) -> Iterator[Finding]:
    if engine is None or not engine.reachable:
        return
    if engine.snap:
        text = "Docker is a snap: it hides bind mounts outside $HOME and has no nvidia runtime of its own"
        yield _warning("docker-snap", text)
    if engine.rootless:
        yield _warning("docker-rootless", "Docker is rootless: host networking stays inside its namespace")
    if engine.storage_driver == "vfs":
        text = "Docker stores images with vfs: every layer is a full copy, expect several times the disk use"
        yield _warning("docker-vfs", text)


def _power(facts: HostFacts, catalog: Catalog) -> Iterator[Finding]:
    power = facts.power
    if power.at_ceiling is False:
        counts = mode_counts(catalog.boards.get(facts.board.id or ""), power)
        of = f"are those of {power.mode}" if counts else "assumes the ceiling, and no least speed is demanded"
        speed = "the predicted speed and the least that is demanded" if counts else "the predicted speed"
        text = f"power mode {power.mode}, the ceiling is {power.ceiling}: {speed} {of}"
        yield _warning("power-mode-low", text)


def _memory(facts: HostFacts) -> Iterator[Finding]:
    if (facts.memory.desktop_bytes or 0) > DESKTOP_WORTH_NAMING:
        held = size_text(facts.memory.desktop_bytes)
        text = f"the desktop holds {held}: sudo systemctl isolate multi-user.target frees them"
        yield _warning("desktop-memory", text)


def _disk(facts: HostFacts) -> Iterator[Finding]:
    disk = facts.store.disk if facts.store else None
    if disk is not None and disk.filesystem == "overlay":
        text = "the store is on an overlay filesystem: it may be gone after a reboot"
        yield _warning("store-overlay", text, "name a disk with --store DIR")
    elif disk is not None and disk.medium in ("emmc", "sd"):
        medium = "eMMC" if disk.medium == "emmc" else "an SD card"
        yield _warning("store-slow", f"the store is on {medium}: loading a model is slow there")


def _model(catalog: Catalog, wanted: Wanted, model: ModelChoice) -> Iterator[Finding]:
    least = int(catalog.limits["least_context_tokens"].value)
    if model.context_cut_from is not None:
        text = f"the context is reduced from {model.context_cut_from} to {model.context_tokens}, which is what fits"
        yield _warning("context-cut", f"{text}: a long thought is cut off there")
    if wanted.context_tokens is not None and wanted.context_tokens < least:
        text = f"a context of {wanted.context_tokens} is below {least}: a model that thinks first may never answer"
        yield _warning("context-small", text)
    speed = model.predicted_tokens_per_second
    usable = catalog.limits["usable_tokens_per_second"].value
    if speed is not None and speed.high < usable:
        text = f"{model.name} is predicted to decode {speed.low:g} to {speed.high:g} tok/s: an answer takes minutes"
        yield _warning("model-slow", text)


def _host(facts: HostFacts) -> Iterator[Finding]:
    if facts.clock.sane is False:
        text = "the clock is wrong: TLS to registries will fail"
        yield _warning("clock-wrong", text, "set it (sudo timedatectl set-ntp true)")


def assumptions(facts: HostFacts, catalog: Catalog, image: ImageChoice, model: ModelChoice) -> Iterator[Finding]:
    yield from _identity(facts)
    if facts.engine is None:
        text = "Docker Engine not asked: assumed present, with the nvidia runtime, without our containers"
        yield _note("engine-not-asked", text)
    elif facts.engine.data_root and image.size_bytes and not facts.disks:
        yield _note("image-room-unknown", "room for the image not checked: the disks are unknown")
    if facts.port is None or facts.port.listening is None:
        yield _note("port-not-asked", "port not asked: assumed free")
    if facts.store is not None and (facts.store.disk is None or facts.store.disk.free_bytes is None):
        text = f"free space for the store at {facts.store.path} not known: assumed enough"
        yield _note("store-room-unknown", text)
    yield from _not_on_record(image, model)
    yield from assumed_of(catalog, model.name)
    if model.predicted_tokens_per_second is None and not model.assumed:
        yield _note("speed-unknown", "speed not predicted: the board's memory bandwidth is unknown")


def _not_on_record(image: ImageChoice, model: ModelChoice) -> Iterator[Finding]:
    if image.size_bytes is None:
        counted = f"counted as {size_text(image.assumed_bytes)}" if image.assumed_bytes else "room for it not checked"
        yield _note("image-size-unknown", f"size of image {image.reference} not on record: {counted}")
    if image.digest is None:
        name = check_image_reference(image.reference).name
        yield _note("image-digest-unknown", f"digest of image {name} not on record: pinned at the pull")
    if model.manifest_digest is None:
        text = f"manifest digest of {model.name} not on record: pinned at the first fetch"
        yield _note("model-digest-unknown", text)


def _identity(facts: HostFacts) -> Iterator[Finding]:
    if facts.is_jetson is None:
        yield _note("jetson-on-weak-signs", "taken for a Jetson on weak signs")
    if facts.board.assumed:
        why = facts.board.assumed_why or "the nearest lower listed one"
        yield _note("board-assumed", f"board taken for {facts.board.id}: {why}")
    elif facts.board.id is None:
        yield _note("board-unknown", "board unknown: neither its chip nor its bandwidth could be checked")
    if facts.l4t_inferred:
        text = f"L4T {facts.l4t} is read from the name of the {facts.l4t_source}: no file or package tells it"
        yield _note("l4t-from-kernel", text)
    if facts.l4t_given:
        yield _note("l4t-given", f"L4T {facts.l4t} is what --l4t says: this host hides its release")
    if facts.l4t_assumed:
        yield _note("l4t-assumed", f"L4T {facts.l4t} is not listed: treated like {facts.l4t_assumed}")
