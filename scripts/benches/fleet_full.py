"""`scripts/bench fleet-full`: boards with an engine, a server and tokens of their own each, and one `fleet up`."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benches.workplace import need_root, note, workplace
from jetson_deploy.rehearsal.fleet.fleet import Fleet

BOARDS = 10
_ROOM = 8 << 30
_SECONDS = 1500.0
_UP = ("up", "--accept-cpu", "--yes", "--soak", "1s", "--json")


def fleet_full(boards: int | None) -> None:
    """A row for each number: how long, how many proven, what the machine had left."""
    need_root()
    many = boards or BOARDS
    with workplace(_ROOM):
        note(f"booting {many} full boards")
        began = time.monotonic()
        with Fleet(many, kind="full") as rehearsed:
            booted = time.monotonic() - began
            before = available()
            print(f"{many} full boards (own systemd, sshd, captured root, Docker Engine, Ollama and tokens; CPU).\n")
            print("| | seconds | devices | memory taken |\n| --- | --- | --- | --- |")
            print(f"| boot and registry | {booted:.0f} s | {many} | |", flush=True)
            for label, verb in (("`fleet up`, nothing deployed", _UP), ("`fleet up` again", _UP)):
                print(row(label, rehearsed, verb, before), flush=True)


def row(label: str, rehearsed: Fleet, verb: tuple[str, ...], before: int) -> str:
    began = time.monotonic()
    found = states(rehearsed, verb)
    seconds, taken = time.monotonic() - began, (before - available()) / (1 << 30)
    said = ", ".join(f"{count} {state}" for state, count in sorted(found.items()))
    return f"| {label} | {seconds:.0f} s | {said} | {taken:.1f} GiB |"


def states(rehearsed: Fleet, verb: tuple[str, ...]) -> Counter[str]:
    """Its own reasons go to stderr."""
    argv, environment = rehearsed.typed(*verb), os.environ | rehearsed.variables()
    done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=_SECONDS)
    devices: list[dict[str, Any]] = json.loads(done.stdout)["devices"]
    for one in devices:
        if one["reason"]:
            note(f"  {one['device']}: {one['state']}: {one['reason']}")
    return Counter(one["state"] for one in devices)


def available() -> int:
    """Bytes of this machine's memory."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) << 10
