"""`model verify` against `sha256sum` over the same files, which lie in the page cache: the hash binds, not the disk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from benches.measure import Command, Measured, measure
from benches.payload import MIB, make_model, put_into_store, scaled
from benches.table import Contender, at_most, in_turn, print_table
from benches.workplace import TOOL, install, note, workplace
from jetson_deploy.store.layout import StorePaths

AIM = 0.6
_MIB = 1024
_ROUNDS = 5
_STORES = {
    "four blobs of the same size": (1, 1, 1, 1),
    "one blob, whose hash no second core can help with": (1,),
}
_BASE = "sha256sum"


def verify(rounds: int | None, mib: int | None) -> None:
    """One table per store."""
    size = mib or _MIB
    install("the files are hashed with it too", "openssl")
    for what, sizes in _STORES.items():
        with workplace(2 * size * MIB) as work:
            note("making the store")
            store = work / "store"
            put_into_store(make_model(work / "bundle", scaled(sizes, size / sum(sizes))), store)
            rows = in_turn(_contenders(store), rounds or _ROUNDS)
        print(f"{size} MiB, {what}.\n")
        base, lines = rows[0].seconds, []
        for row in rows:
            ratio = row.seconds / base
            lines.append([*row.cells(), f"{ratio:.2f}", at_most(AIM, ratio) if row is rows[-1] else ""])
        print_table(rounds or _ROUNDS, [f"÷ `{_BASE}`", "aim"], lines)


def _contenders(store: Path) -> list[Contender]:
    files = sorted(map(str, (store / "blobs").iterdir()))
    commands = [
        Command(_BASE, ["sha256sum", *files]),
        Command("openssl dgst -sha256", ["openssl", "dgst", "-sha256", *files]),
        Command("jetson-deploy model verify", [str(TOOL), "model", "verify", "--store", str(store)]),
    ]
    subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)  # into the page cache
    return [Contender(command.label, _forgotten(store, command)) for command in commands]


def _forgotten(store: Path, command: Command) -> Callable[[], Measured]:
    """What was verified before is on record no more."""

    def run() -> Measured:
        shutil.rmtree(StorePaths(store).verified.parent, ignore_errors=True)
        return measure(command)

    return run
