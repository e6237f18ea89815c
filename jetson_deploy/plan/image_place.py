"""Where the engine keeps images, what makes room there, and what is odd about the place."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.deployment.finding import Finding
from jetson_deploy.facts import DiskFacts, EngineFacts, HostFacts
from jetson_deploy.names import is_native

_PRUNE = "remove unused images (docker image prune -a)"


def image_place(engine: EngineFacts | None) -> str | None:
    """The directory; None: not known."""
    return None if engine is None or not engine.reachable else engine.image_root or engine.data_root


def image_disk(facts: HostFacts, reference: str = "") -> DiskFacts | None:
    """`reference`: of the image; a program of this host is kept elsewhere."""
    native = facts.engine.native if facts.engine and is_native(reference) else None
    place = native.place if native else image_place(facts.engine)
    if place is None:
        return None
    inside = [d for d in facts.disks if place == d.mount or place.startswith(d.mount.rstrip("/") + "/")]
    return max(inside, key=lambda d: len(d.mount), default=None)


def image_hint(engine: EngineFacts | None, reference: str = "") -> str:
    if is_native(reference):
        return "put the state on another disk with JETSON_DEPLOY_STATE_DIR"
    if engine is None or not images_in_containerd(engine):
        return f"{_PRUNE}, or move Docker's data-root to another disk"
    return (
        f"{_PRUNE}, or move containerd's root to another disk: Docker keeps images in {engine.image_root}, not in its "
        "data-root (set root in /etc/containerd/config.toml, then restart containerd and docker)"
    )


def images_in_containerd(engine: EngineFacts | None) -> bool | None:
    """They lie where the data-root does not move them; None: not known.

    A containerd that dockerd starts itself keeps its data below the data-root.
    """
    if image_place(engine) is None or engine is None:
        return None
    inside = engine.data_root and (engine.image_root or "").startswith(engine.data_root.rstrip("/") + "/")
    return engine.containerd is not None and not inside


def image_remarks(facts: HostFacts) -> Iterator[Finding]:
    disk = image_disk(facts)
    if disk is not None and disk.medium == "memory":
        yield Finding(
            id="images-in-memory",
            severity="warning",
            evidence=f"Docker keeps images in memory ({image_place(facts.engine)} is on {disk.filesystem} at "
            f"{disk.mount}): the image takes memory from the model, and is gone after a reboot",
            fix=image_hint(facts.engine),
        )
