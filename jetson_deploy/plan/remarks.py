"""Remarks beside the decisions: warnings, and assumptions for unknown values."""

from __future__ import annotations

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import check_image_reference
from jetson_deploy.plan.gates import weaker_gates
from jetson_deploy.plan.preflight import engine_warnings
from jetson_deploy.units import size_text

DESKTOP_WORTH_NAMING = 200 << 20


def warnings(facts: HostFacts, catalog: Catalog, wanted: Wanted, image: ImageChoice, model: ModelChoice) -> list[str]:
    release = f"{facts.l4t} (treated like {facts.l4t_assumed})" if facts.l4t_assumed else facts.l4t
    found = [f"L4T {release}: {text}" for text in _release_warnings(facts, catalog)]
    found += facts.notes
    found += engine_warnings(facts.engine)
    found += _power(facts) + _memory(facts) + _disk(facts) + _model(catalog, model)
    if facts.clock.sane is False:
        found.append("the clock is wrong: TLS to registries will fail; set it (sudo timedatectl set-ntp true)")
    if facts.native_ollama:
        found.append("a native Ollama is installed too: it competes for the port and the memory when started")
    if image.advisories:
        found.append(
            f"the image's Ollama has {len(image.advisories)} known advisories ({', '.join(image.advisories[:3])}…): "
            "it listens on loopback only and sees the store read-only; --image-policy secure prefers one with fewer"
        )
    found += weaker_gates(wanted, catalog, model)
    if wanted.accept_cpu:
        found.append("a CPU-only server is accepted (--accept-cpu): the GPU gate does not protect this deployment")
    return found


def _release_warnings(facts: HostFacts, catalog: Catalog) -> tuple[str, ...]:
    listed = facts.l4t_assumed or facts.l4t
    release = catalog.release_of(listed) if listed else None
    return release.warnings if release else ()


def _power(facts: HostFacts) -> list[str]:
    power = facts.power
    if power.at_ceiling is not False:
        return []
    return [f"power mode {power.mode}, the ceiling is {power.ceiling}: the predicted speed assumes the ceiling"]


def _memory(facts: HostFacts) -> list[str]:
    found = []
    if (facts.memory.desktop_bytes or 0) > DESKTOP_WORTH_NAMING:
        held = size_text(facts.memory.desktop_bytes)
        found.append(f"the desktop holds {held}: sudo systemctl isolate multi-user.target frees them")
    return found


def _disk(facts: HostFacts) -> list[str]:
    disk = facts.store.disk if facts.store else None
    if disk is not None and disk.filesystem == "overlay":
        return ["the store is on an overlay filesystem: it may be gone after a reboot; name a disk with --store DIR"]
    if disk is None or disk.medium not in ("emmc", "sd"):
        return []
    return [f"the store is on {'eMMC' if disk.medium == 'emmc' else 'an SD card'}: loading a model is slow there"]


def _model(catalog: Catalog, model: ModelChoice) -> list[str]:
    speed = model.predicted_tokens_per_second
    usable = catalog.limits["usable_tokens_per_second"].value
    if speed is None or speed.high >= usable:
        return []
    return [f"{model.name} is predicted to decode {speed.low:g} to {speed.high:g} tok/s: an answer takes minutes"]


def assumptions(facts: HostFacts, catalog: Catalog, image: ImageChoice, model: ModelChoice) -> list[str]:
    found = list(_identity(facts))
    if facts.engine is None:
        found.append("Docker Engine not asked: assumed present, with the nvidia runtime, without our containers")
    elif facts.engine.data_root and image.size_bytes and not facts.disks:
        found.append("room for the image not checked: the disks are unknown")
    if facts.port is None or facts.port.listening is None:
        found.append("port not asked: assumed free")
    if facts.store is not None and (facts.store.disk is None or facts.store.disk.free_bytes is None):
        found.append(f"free space for the store at {facts.store.path} not known: assumed enough")
    if image.size_bytes is None:
        found.append(f"size of image {image.reference} not on record: room for it not checked")
    if image.digest is None:
        found.append(f"digest of image {check_image_reference(image.reference).name} not on record: pinned at the pull")
    if model.manifest_digest is None:
        found.append(f"manifest digest of {model.name} not on record: pinned at the first fetch")
    if model.predicted_tokens_per_second is None:
        found.append("speed not predicted: the board's memory bandwidth is unknown")
    return found


def _identity(facts: HostFacts) -> list[str]:
    found = []
    if facts.is_jetson is None:
        found.append("taken for a Jetson on weak signs")
    if facts.board.assumed:
        found.append(f"board taken for {facts.board.id}: {facts.board.assumed_why or 'the nearest lower listed one'}")
    elif facts.board.id is None:
        found.append("board unknown: neither its chip nor its bandwidth could be checked")
    if facts.l4t_assumed:
        found.append(f"L4T {facts.l4t} is not listed: treated like {facts.l4t_assumed}")
    return found
