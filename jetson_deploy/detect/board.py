"""Identify the board: module part number first, then other firmware data, RAM to distinguish variants.

An unlisted module becomes the nearest lower entry of its family or SoC, marked assumed; never a board of
another SoC, and never without a reason that a person can read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jetson_deploy.detect.devicetree import Firmware
from jetson_deploy.facts import BoardFacts

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog
    from jetson_deploy.catalog.entries import Board

_RAM_SHARE = 0.75
"""Where the catalog has no bucket: MemTotal is at least this share of the marketed size. Seen: 0.79 (Orin
Nano 8GB with first firmware) to 0.98; NVIDIA's own buckets lie at 0.75 and above, but for Thor T4000."""


def identify(firmware: Firmware, total_bytes: int | None, catalog: Catalog) -> BoardFacts:
    """The board, or the facts that were read with `id=None`."""
    if firmware.compatible and firmware.soc is None:
        return BoardFacts(model=firmware.model)  # a device tree, and not Tegra's
    boards = [b for b in catalog.boards.values() if firmware.soc in (None, b.soc)]
    named, part = _named(firmware, boards)
    if named:
        board, why = _by_memory(named, total_bytes)
    else:
        part = _unlisted_part(firmware)
        board, why = _nearest(firmware, part, total_bytes, boards)
    return BoardFacts(
        id=board.id if board else None,
        name=board.name if board else None,
        assumed=why is not None,
        assumed_why=why,
        model=firmware.model,
        part_number=part,
        soc=firmware.soc or (board.soc if board else None),
        super_mode=firmware.super_mode,
    )


def _named(firmware: Firmware, boards: list[Board]) -> tuple[list[Board], str | None]:
    """Boards that the firmware names, and by which part number. Several: they differ in RAM only."""
    candidates = _with_part(firmware.modules, boards)
    boot = _with_boot_spec(firmware, boards)
    if candidates[0]:
        return _on_its_carrier(firmware, boards, candidates[0]), candidates[1]
    listed = _listed_compatible(firmware, boards)
    if boot[0] and (not listed or any(b in listed for b in boot[0])):
        return boot
    # A whole system's name (p2972-0000: AGX Xavier of any RAM) is no module number. An unlisted module
    # behind a `+` must not be taken for another one that shares a looser name with it.
    return ([], None) if _unlisted_part(firmware) else (listed, None)


def _on_its_carrier(firmware: Firmware, boards: list[Board], of_module: list[Board]) -> list[Board]:
    """A product of its own around a listed module (IGX Orin, Clara AGX) is listed by `carrier+module`."""
    whole = [text for text in firmware.compatible if "+" in text]
    exact = [b for b in boards if any(text in b.compatible for text in whole)]
    return exact if exact and not any(b in of_module for b in exact) else of_module


def _with_part(parts: Iterable[str], boards: list[Board]) -> tuple[list[Board], str | None]:
    for part in parts:
        found = [b for b in boards if part in b.part_numbers]
        if found:
            return found, part
    return [], None


def _with_boot_spec(firmware: Firmware, boards: list[Board]) -> tuple[list[Board], str | None]:
    numbered = _with_part([firmware.boot_module] if firmware.boot_module else [], boards)
    if numbered[0]:
        return numbered
    return [b for b in boards if b.tnspec and b.tnspec in firmware.boot_spec], firmware.boot_module


def _listed_compatible(firmware: Firmware, boards: list[Board]) -> list[Board]:
    for text in firmware.compatible:
        found = [b for b in boards if text in b.compatible]
        if found:
            return found
    return []


def _unlisted_part(firmware: Firmware) -> str | None:
    """The module's number as the firmware has it; only a `carrier+module` name tells which one that is."""
    for text in firmware.compatible:
        if "+" in text and firmware.modules:
            return firmware.modules[0]
    return firmware.boot_module


def _by_memory(boards: list[Board], total_bytes: int | None) -> tuple[Board | None, str | None]:
    """The RAM variant among boards that share a name."""
    if len(boards) == 1:
        return boards[0], None
    fitting = [b for b in boards if _has_memory(b, total_bytes)]
    if fitting:
        return max(fitting, key=_size), None
    lowest = min(boards, key=_size)
    others = ", ".join(b.id for b in boards)
    known = "MemTotal is not known" if total_bytes is None else "MemTotal fits none of them"
    return lowest, f"the firmware's name means {others}; {known}: the smallest is taken"


def _nearest(
    firmware: Firmware, part: str | None, total_bytes: int | None, boards: list[Board]
) -> tuple[Board | None, str | None]:
    """The nearest lower entry: as much RAM as MemTotal proves, of those the slowest memory."""
    family, why = _relatives(firmware, part, boards)
    if not family:
        return None, None
    fitting = [b for b in family if _has_memory(b, total_bytes)] or [min(family, key=_size)]
    most = max(b.ram_gb for b in fitting)
    chosen = min((b for b in fitting if b.ram_gb == most), key=_speed)
    return chosen, f"{why}; {chosen.id} is the nearest lower listed board"


def _relatives(firmware: Firmware, part: str | None, boards: list[Board]) -> tuple[list[Board], str]:
    """Boards of the same family: by the model text, by the module's series, by the SoC. In this order."""
    number = f"module {part} is not listed" if part else "no module part number can be read"
    model = (firmware.model or "").lower()
    ours = "nvidia" in model or "jetson" in model
    families = {b.family for b in boards if ours and b.family.replace("-", " ") in model}
    if families:
        longest = max(families, key=len)
        return [b for b in boards if b.family == longest], f"{number}, the model text says {firmware.model!r}"
    series = [b for b in boards if part and any(n[:5] == part[:5] for n in b.part_numbers)]
    if series:
        return series, f"{number}, its series {part[:5] if part else ''} is"
    if firmware.soc:
        return [b for b in boards if b.soc == firmware.soc], f"{number}, its SoC {firmware.soc} is known"
    return [], ""


def _has_memory(board: Board, total_bytes: int | None) -> bool:
    if total_bytes is None:
        return False
    if board.mem_total_gib_from is not None:
        return round(total_bytes / (1 << 30)) >= board.mem_total_gib_from
    return total_bytes >= _RAM_SHARE * board.ram_gb * (1 << 30)


def _size(board: Board) -> tuple[int, float]:
    return board.ram_gb, -board.bandwidth_gbs.default


def _speed(board: Board) -> tuple[float, int]:
    return board.bandwidth_gbs.default, board.cuda_cores
