"""The third table of `scripts/bench fleet`: many connections with a line a second each, ours and a bare script's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benches.table import at_most
from benches.workplace import REPOSITORY, note
from jetson_deploy.rehearsal.fleet.fleet import Fleet

CONNECTIONS = (10, 50, 200)
SECONDS = 15
_OF_A_BOARD = 8
"""Logins at once that its sshd takes: MaxStartups is 10."""
DRIVER = REPOSITORY / "scripts/benches/fleet_lines.py"
_AIMS = {"median_ms": 50.0, "p99_ms": 250.0}
_RATIO = 1.5
_MEMORY = 90.0


def follow(work: Path, rehearsed: Fleet) -> None:
    print(f"Lines, one a second over each connection (a board has several), for {SECONDS} s.\n")
    columns = ["connections", "all there after", "median", "aim", "p99", "aim", "÷ script", "aim", "CPU time"]
    columns += ["peak memory", "aim", "open files"]
    print(f"| {' | '.join(('', *columns))} |\n|{' --- |' * (len(columns) + 1)}")
    for many in (number for number in CONNECTIONS if number <= _OF_A_BOARD * len(rehearsed.places)):
        script, ours = (ran(work, rehearsed, who, many) for who in ("script", "ours"))
        print(row("asyncssh script", script, None))
        print(row("our transport", ours, script), flush=True)
    print()


def ran(work: Path, rehearsed: Fleet, who: str, many: int) -> dict[str, Any]:
    file = work / "lines.json"
    file.write_text(json.dumps(asked_of(rehearsed, many)))
    argv = [*rehearsed.enter(), sys.executable, str(DRIVER), who, str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{who} with {many} connections ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    note(f"  {many:4} connections, {who}: {found['lines']} lines")
    return found


def asked_of(rehearsed: Fleet, many: int) -> dict[str, Any]:
    places = rehearsed.places
    return {
        "addresses": [places[number % len(places)].address for number in range(many)],
        "key": str(rehearsed.layout.login_key),
        "known_hosts": str(rehearsed.layout.known_hosts),
        "ssh_config": str(rehearsed.ssh_config),
        "seconds": SECONDS,
    }


def row(label: str, found: dict[str, Any], script: dict[str, Any] | None) -> str:
    aims = {key: at_most(aim, found[key], " ms") if script else "" for key, aim in _AIMS.items()}
    ratio = found["median_ms"] / script["median_ms"] if script else None
    cells = [
        label,
        str(found["connections"]),
        f"{found['connected']:.1f} s",
        f"{found['median_ms']:.1f} ms",
        aims["median_ms"],
        f"{found['p99_ms']:.1f} ms",
        aims["p99_ms"],
        "" if ratio is None else f"{ratio:.2f}",
        "" if ratio is None else at_most(_RATIO, ratio),
        f"{found['cpu']:.2f} s",
        f"{found['peak_mib']:.0f} MiB",
        at_most(_MEMORY, found["peak_mib"], " MiB") if script else "",
        str(found["files"]),
    ]
    return f"| {' | '.join(cells)} |"
