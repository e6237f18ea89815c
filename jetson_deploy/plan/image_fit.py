"""Whether an image of the catalog can serve on a host, and if not, why."""

from __future__ import annotations

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.image_entries import ImageRepository, ImageTag, KnownBad, ServerVersion
from jetson_deploy.catalog.version import in_range, parse_version
from jetson_deploy.facts import HostFacts
from jetson_deploy.server.port import Server


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """The server that an image must hold."""

    kind: str
    title: str
    version: str
    """The lowest that will do; 0: any."""

    @property
    def wanted(self) -> str:
        lowest = f" {self.version} or newer" if parse_version(self.version) > parse_version("0") else ""
        return f"{self.title}{lowest} needed"


def needed(server: Server, version: str) -> Needed:
    return Needed(kind=server.kind, title=server.title, version=version)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    repository: ImageRepository
    name: str
    tag: ImageTag

    @property
    def text(self) -> str:
        return f"{self.repository.repository}:{self.name}"


def refusal(catalog: Catalog, facts: HostFacts, c: Candidate, least: Needed) -> str | None:
    if c.repository.server != least.kind:
        return f"holds {c.repository.server}, not {least.title}"
    l4t = facts.l4t
    if l4t is None:
        return "the host's L4T is unknown"
    if wrong := wrong_chip(catalog, facts):
        return wrong
    if not any(in_range(l4t, r) for r in c.tag.l4t):
        built = " or ".join(f"{r.from_} to below {r.below}" for r in c.tag.l4t)
        return f"made for L4T {built}, the host has {l4t}"
    return (
        (_chip_refusal(catalog, facts, c.tag) if c.tag.compute else _payload_refusal(catalog, facts, c))
        or _cuda_refusal(facts, c)
        or _version_refusal(c.tag.version, least)
        or next((b.why for b in c.tag.bad if b.rejects and applies(catalog, facts, b)), None)
    )


def wrong_chip(catalog: Catalog, facts: HostFacts) -> str | None:
    """A chip of another generation; one that no board lists may be new, and is not judged."""
    soc, listed = facts.board.soc, {board.soc for board in catalog.boards.values()}
    if soc not in listed or not catalog.not_made_for(facts.l4t or "0", soc):
        return None
    return f"L4T {facts.l4t} is not made for this board's {soc}"


def _payload_refusal(catalog: Catalog, facts: HostFacts, c: Candidate) -> str | None:
    line = catalog.line_of(facts.l4t or "0")
    payload = line.ollama_payload if line else None
    if payload is None:
        return f"no Ollama has GPU support for L4T {facts.l4t}"
    if payload not in c.tag.payloads:
        return f"holds no {payload} GPU code"
    board = catalog.boards.get(facts.board.id or "")
    if board is not None and payload not in board.ollama_payloads:
        return f"the {payload} GPU code has no kernels for {board.name} (compute {board.compute_capability})"
    return None


def _chip_refusal(catalog: Catalog, facts: HostFacts, tag: ImageTag) -> str | None:
    board = catalog.boards.get(facts.board.id or "")
    chip = facts.cuda_capability or (board.compute_capability if board else None)
    if chip is None or chip in tag.compute:
        return None
    return f"its GPU code is for compute {' and '.join(tag.compute)}, this board has {chip}"


def _cuda_refusal(facts: HostFacts, c: Candidate) -> str | None:
    if c.tag.cuda is None or facts.cuda_driver is None:
        return None
    image, host = parse_version(c.tag.cuda), parse_version(facts.cuda_driver)
    if image[0] > host[0]:
        return f"built with CUDA {c.tag.cuda}, the host's driver supports {facts.cuda_driver}"
    return None


def _version_refusal(holds: ServerVersion, least: Needed) -> str | None:
    if parse_version(least.version) == parse_version("0"):
        return None
    wanted = parse_version(least.version)
    if holds.version is not None:
        if parse_version(holds.version) < wanted:
            return f"holds {least.title} {holds.version}, the model needs {least.version}"
        return None
    if holds.at_least is not None and parse_version(holds.at_least) >= wanted:
        return None
    if holds.at_most is not None and parse_version(holds.at_most) < wanted:
        return f"holds {least.title} {holds.at_most} at most, the model needs {least.version}"
    known = f"at most {holds.at_most}" if holds.at_most else "unknown"
    return f"cannot be shown to hold {least.title} {least.version} or newer ({known})"


def applies(catalog: Catalog, facts: HostFacts, bad: KnownBad) -> bool:
    if bad.l4t and not any(in_range(facts.l4t or "0", r) for r in bad.l4t):
        return False
    if bad.max_ram_gb is None:
        return True
    if facts.memory.total_bytes is not None:  # an unlisted board is known by its memory alone
        return facts.memory.total_bytes <= bad.max_ram_gb << 30
    board = catalog.boards.get(facts.board.id or "")
    return board is not None and board.ram_gb <= bad.max_ram_gb
