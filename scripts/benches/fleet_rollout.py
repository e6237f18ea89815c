"""One `fleet up` from its first batch to its last, and once more: over light boards, or full ones with real tokens."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from benches.workplace import need_root, note, refuse, workplace
from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.site import Kind

_SECONDS = 800.0
"""Of one rollout: then it is ended and said."""
_ENDED = (0, 9)
"""Exit codes after which every board has a state."""
_LAST = 2000


class Boards(NamedTuple):
    kind: Kind
    many: int
    what: str
    """What of them is real."""
    change: str
    """What the first rollout does there."""
    settings: dict[str, object]
    """Of fleet.yaml."""
    words: tuple[str, ...]
    """More of the command."""
    need_bytes: int


LIGHT = Boards(
    kind="light",
    many=200,
    what="own systemd, sshd and captured root; stand-ins for engine and server",
    change="another context",
    settings={"context": 2048},
    words=(),
    need_bytes=64 << 20,
)
FULL = Boards(
    kind="full",
    many=10,
    what="own systemd, sshd, captured root, Docker Engine, Ollama and tokens; CPU",
    change="nothing deployed before",
    settings={},
    words=("--accept-cpu",),
    need_bytes=8 << 30,
)


def rolled_out(boards: Boards, many: int | None) -> None:
    """A row for each rollout: how long in all and for a board, in which batches, how each ended, what it cost."""
    need_root()
    many = many or boards.many
    with workplace(boards.need_bytes):
        note(f"booting {many} {boards.kind} boards")
        began = time.monotonic()
        with Fleet(many, kind=boards.kind, settings=boards.settings) as rehearsed:
            booted, before = time.monotonic() - began, available()
            print(f"{many} {boards.kind} boards ({boards.what}).\n")
            columns = ("", "seconds", "batches", "boards", "a board: median, longest", "controller's CPU time")
            print(f"| {' | '.join(columns)} | memory taken |\n|{' --- |' * (len(columns) + 1)}")
            print(f"| boot | {booted:.0f} s | | {many} | | | |", flush=True)
            for label in (f"`fleet up`, {boards.change}", "`fleet up` again"):
                print(row(label, rehearsed, boards.words, before), flush=True)


def row(label: str, rehearsed: Fleet, words: tuple[str, ...], before: int) -> str:
    began, cpu = time.monotonic(), children_cpu()
    found = document(rehearsed, words)
    seconds, cpu = time.monotonic() - began, children_cpu() - cpu
    devices, taken = found["devices"], (before - available()) / (1 << 30)
    for one in devices:
        if one["reason"]:
            note(f"  {one['device']}: {one['state']}: {one['reason']}")
    states = ", ".join(f"{count} {state}" for state, count in sorted(Counter(d["state"] for d in devices).items()))
    batches = " + ".join(str(batch["devices"]) for batch in found["rollout"]["batches"])
    took = sorted(one["seconds"] for one in devices if one["seconds"] is not None)
    of_a_board = f"{statistics.median(took):.1f} s, {took[-1]:.1f} s" if took else "-"
    return f"| {label} | {seconds:.0f} s | {batches} | {states} | {of_a_board} | {cpu:.1f} s | {taken:.1f} GiB |"


def document(rehearsed: Fleet, words: tuple[str, ...]) -> dict[str, Any]:
    """Raises SystemExit with what the rollout said, where it gave no document of its devices."""
    argv = rehearsed.typed("up", "--yes", "--soak", "1s", "--json", *words)
    environment = os.environ | rehearsed.variables()
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"").decode(errors="replace")[-_LAST:]
        cause = f"the rollout had not ended after {_SECONDS:.0f} s; its last words:\n{said}"
        raise refuse(cause, "try fewer --boards") from None
    if done.returncode not in _ENDED:
        said = (done.stderr or done.stdout)[-_LAST:]
        raise refuse(f"the rollout ended with {done.returncode}; its last words:\n{said}", "try fewer --boards")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def children_cpu() -> float:
    """Seconds of processes that ended; those of the boards are others' children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def available() -> int:
    """Bytes of this machine's memory."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) << 10
