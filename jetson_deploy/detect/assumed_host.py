"""An assumed host: the facts of a board made from the catalog, for users who have not bought one yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.catalog.version import parse_version
from jetson_deploy.catalog.wording import suggestion
from jetson_deploy.detect.store import DEFAULT_STORE, GIVEN
from jetson_deploy.errors import UsageError
from jetson_deploy.facts import BoardFacts, HostFacts, MemoryFacts, StoreFacts
from jetson_deploy.names import shown
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog
    from jetson_deploy.catalog.entries import Board

_MIB = 1 << 20
_LEAST_SHARE = 0.75
"""MemTotal / marketed size where no board of that chip was seen: NVIDIA's own buckets lie at 0.75 and above."""


class AssumedHost(msgspec.Struct, frozen=True, kw_only=True):
    facts: HostFacts
    assumptions: tuple[str, ...]
    """What was made up, one sentence each."""


def assumed_host(catalog: Catalog, board_id: str, *, store: str | None = None) -> AssumedHost:
    """The board as it leaves the flashing tool: newest listed L4T, no desktop, nothing of ours on it.

    Disks, engine and port stay unknown, so nothing is refused for them. Raises UsageError for an unknown id.
    """
    board = _board(catalog, board_id)
    l4t, jetpack = newest_release(catalog, board)
    total, where = _total_bytes(catalog, board)
    held = int(catalog.limits["headless_system_bytes"].value)
    facts = HostFacts(
        root="",
        is_jetson=True,
        board=BoardFacts(id=board.id, name=board.name, soc=board.soc, super_mode=False),
        l4t=l4t,
        jetpack=jetpack,
        cuda_capability=board.compute_capability,
        cuda_driver=catalog.cuda_of(l4t) if l4t else None,
        memory=MemoryFacts(total_bytes=total, available_bytes=max(0, total - held), desktop_bytes=0),
        store=StoreFacts(path=store or DEFAULT_STORE, exists=False, why=GIVEN if store else "default place"),
        architecture="aarch64",
    )
    return AssumedHost(facts=facts, assumptions=tuple(_assumptions(board, facts, where, held)))


def newest_release(catalog: Catalog, board: Board) -> tuple[str | None, str | None]:
    """L4T and JetPack: the newest listed release of a JetPack that the catalog names for this board."""
    made = [
        (parse_version(l4t), l4t, release.jetpack)
        for line in catalog.l4t.values()
        if board.soc in line.socs
        for l4t, release in line.releases.items()
        if any(_is_of(release.jetpack, jetpack) for jetpack in board.jetpack)
    ]
    return max(made)[1:] if made else (None, None)


def _is_of(release: str | None, jetpack: str) -> bool:
    """6.2.2 is of 6; 7.2.1 is of 7.2 and not of 7.1."""
    return release is not None and (release == jetpack or release.startswith((f"{jetpack}.", f"{jetpack} ")))


def _board(catalog: Catalog, board_id: str) -> Board:
    board = catalog.boards.get(board_id)
    if board is None:
        raise UsageError(
            f"board {shown(board_id)} is not in the catalog",
            hint=f"{suggestion(board_id, catalog.boards)} jetson-deploy rehearse --list shows them all",
            code="unknown-board",
        )
    return board


def _total_bytes(catalog: Catalog, board: Board) -> tuple[int, str]:
    """MemTotal, the lowest that was seen, and how it is known."""
    if board.mem_total_mib:
        return min(board.mem_total_mib) * _MIB, "seen on real ones"
    seen = [b for b in catalog.boards.values() if b.mem_total_mib and b.soc == board.soc]
    if not seen:
        return int(board.ram_gb * 1024 * _LEAST_SHARE) * _MIB, "none was seen, nor another board of its chip"
    other = min(seen, key=lambda b: (b.family != board.family, abs(b.ram_gb - board.ram_gb), b.id))
    lost = other.ram_gb * 1024 - min(other.mem_total_mib)
    return (board.ram_gb * 1024 - lost) * _MIB, f"its {board.ram_gb} GB less what {other.id} loses"


def _assumptions(board: Board, facts: HostFacts, where: str, held: int) -> list[str]:
    memory = facts.memory
    free, total = size_text(memory.available_bytes), size_text(memory.total_bytes)
    found = [f"board {board.id} ({board.name}), from the catalog: no such host was inspected"]
    if facts.l4t:
        found.append(f"L4T {facts.l4t} (JetPack {facts.jetpack}), the newest listed for it")
    found.append(
        f"memory {free} free: {total} in total ({where}) less {size_text(held)} that a system without a desktop takes"
    )
    if board.bandwidth_gbs.super:
        found.append("not flashed as Super: with it the memory is faster")
    return found
