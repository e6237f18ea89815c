"""Power mode, by name. Ids differ between boards (0 is MAXN on an AGX, 15W on an Orin Nano)."""

from __future__ import annotations

import re

from jetson_deploy.detect.host import Host
from jetson_deploy.facts import PowerFacts

_MODE = re.compile(r"^\s*<\s*POWER_MODEL\s+ID=([0-9]{1,4})\s+NAME=([\w.+-]{1,64})\s*>", re.MULTILINE)
_STATUS = re.compile(r"\bpmode:([0-9]{1,4})\b")
_WATTS = re.compile(r"(?<![0-9])([0-9]{1,3})W")


def power_facts(host: Host) -> PowerFacts:
    """From nvpmodel.conf and nvpmodel's status file; needs no root and no nvpmodel binary."""
    modes = power_modes(host)
    status = _STATUS.search(host.read_text("var/lib/nvpmodel/status") or "")
    mode_id = int(status[1]) if status else None
    mode = modes.get(mode_id) if mode_id is not None else None
    ceiling = max(modes.values(), key=_rank, default=None)
    if ceiling is not None and _rank(ceiling) == 0:
        ceiling = None
    at_ceiling = _rank(mode) >= _rank(ceiling) if mode and ceiling else None
    return PowerFacts(mode_id=mode_id, mode=mode, ceiling=ceiling, at_ceiling=at_ceiling)


def power_modes(host: Host) -> dict[int, str]:
    """Id → name, of this very board; empty when nvpmodel.conf tells none."""
    modes: dict[int, str] = {}
    for number, name in _MODE.findall(host.read_text("etc/nvpmodel.conf") or ""):
        modes.setdefault(int(number), name)
    return modes


def _rank(mode: str) -> int:
    """MAXN above every watt figure (NVIDIA/skills: MAXN or MAXN_* is the maximum); 0: the name says nothing."""
    if mode.startswith("MAXN"):
        return 10_001 if "SUPER" in mode else 10_000
    watts = _WATTS.search(mode)
    return int(watts[1]) if watts else 0
