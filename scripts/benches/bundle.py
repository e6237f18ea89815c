"""`model export` and `model import` against `cp` and `sha256sum` of the same bytes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from benches.measure import Command, Measured, measure
from benches.payload import MIB, MODEL, TAG, make_model, put_into_store, scaled
from benches.table import Contender, in_turn, print_table
from benches.workplace import TOOL, note, workplace

_MIB = 1024
_ROUNDS = 5
_SIZES = (8, 5, 3)
_PLAIN, _SYNCED = "cp, sha256sum", "cp, sync, sha256sum"


def bundle(rounds: int | None, mib: int | None) -> None:
    size = mib or _MIB
    with workplace(4 * size * MIB) as work:
        note("making the store")
        store = work / "store"
        payload = make_model(work / "bundle", scaled(_SIZES, size / sum(_SIZES)))
        put_into_store(payload, store)
        rows = in_turn(_Ways(work, store).contenders(), rounds or _ROUNDS)
    print(f"{size} MiB in {len(payload.blobs)} blobs, read from the page cache.\n")
    plain, synced = rows[0].seconds, rows[1].seconds
    lines = [[*row.cells(), f"{row.seconds / plain:.2f}", f"{row.seconds / synced:.2f}"] for row in rows]
    print_table(rounds or _ROUNDS, [f"÷ `{_PLAIN}`", f"÷ `{_SYNCED}`"], lines)


class _Ways:
    def __init__(self, work: Path, store: Path) -> None:
        self._out, self._store = work / "out", store
        self._tar = work / "model.tar"
        self._make_tar()

    def contenders(self) -> list[Contender]:
        ways = {
            _PLAIN: self._copy(synced=False),
            _SYNCED: self._copy(synced=True),
            "jetson-deploy model export": self._export(self._out / "model.tar"),
            "jetson-deploy model import": [*self._tool("import"), str(self._tar), "--store", str(self._out / "store")],
        }
        return [Contender(label, self._fresh(Command(label, argv))) for label, argv in ways.items()]

    def _fresh(self, command: Command) -> Callable[[], Measured]:
        def run() -> Measured:
            shutil.rmtree(self._out, ignore_errors=True)
            self._out.mkdir()
            os.sync()  # what others left to be written is not this one's work
            return measure(command)

        return run

    def _copy(self, *, synced: bool) -> list[str]:
        lines = [f"cp {self._store}/blobs/* {self._out}", f"sha256sum {self._out}/*"]
        if synced:
            lines.insert(1, f"sync {self._out}/*")
        return ["sh", "-c", "\n".join(["set -e", *lines])]

    def _export(self, target: Path) -> list[str]:
        return [*self._tool("export"), f"{MODEL}:{TAG}", str(target), "--store", str(self._store)]

    def _tool(self, verb: str) -> list[str]:
        return [str(TOOL), "model", verb]

    def _make_tar(self) -> None:
        measure(Command("jetson-deploy model export", self._export(self._tar)))
