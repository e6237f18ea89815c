"""`model fetch` against curl and sha256sum, and against `ollama pull`: over loopback and over two long lines."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benches import ollama
from benches.bed import PACKAGES, Bed, Side, bed
from benches.link import CONGESTION_CONTROL, Line, Linked, linked
from benches.measure import Command, Measured, measure
from benches.payload import MIB, MODEL, TAG, Payload, make_model, scaled
from benches.table import Contender, Row, at_least, at_most, in_turn, print_table
from benches.workplace import TOOL, install, note, workplace

MOST_MEMORY_MIB = 60
_CURL, _SYNCED, _OLLAMA = "curl | tee | sha256sum", "the same, then sync", "ollama pull"
_QUICK_HASH = "curl | tee | openssl dgst -sha256, then sync"
_OURS = "jetson-deploy model fetch"
_OLLAMA_PART = 100_000_000
"""Ollama opens a connection for so many bytes of a blob, 16 at most (server/download.go)."""
_TICKS = (
    "Ollama sees the end of a part when its one-second clock ticks (server/download.go): "
    "every small blob takes so long."
)


class Scene(NamedTuple):
    """`line` None: loopback, where the processor and the disk bind. `sizes` in MiB."""

    line: Line | None
    sizes: tuple[int, ...]
    rounds: int


SCENES = {
    "direct": Scene(None, (700, 300, 150), 3),
    "shaped": Scene(Line(megabits=100), (50, 14), 2),
    "lossy": Scene(Line(megabits=100, loss=0.01), (12, 4), 2),
}


class Clients:
    """The three, from one side, each into an empty place on the same disk."""

    def __init__(self, work: Path, side: Side, payload: Payload, binary: Path) -> None:
        self._work, self._side, self._payload = work / "client", side, payload
        self._server = ollama.Ollama(binary, side, self._work / "ollama")

    def contenders(self, *, disk_binds: bool) -> list[Contender]:
        """Ours syncs too, and its hash is OpenSSL's: where that counts, the like of it is measured beside it."""
        ways = {_CURL: lambda: self._curl("sha256sum", synced=False)}
        if disk_binds:
            ways[_SYNCED] = lambda: self._curl("sha256sum", synced=True)
            ways[_QUICK_HASH] = lambda: self._curl("openssl dgst -sha256 -r", synced=True)
        ways |= {_OLLAMA: self._ollama, _OURS: self._ours}
        return [Contender(label, self._fresh(run)) for label, run in ways.items()]

    def _fresh(self, run: Callable[[], Measured]) -> Callable[[], Measured]:
        def fresh() -> Measured:
            shutil.rmtree(self._work, ignore_errors=True)
            self._work.mkdir()
            os.sync()  # what others left to be written is not this one's work
            return run()

        return fresh

    def _curl(self, hasher: str, *, synced: bool) -> Measured:
        base = f"http://{self._side.address}/v2/library/{MODEL}/blobs/sha256:"
        lines = [
            f'got=$(curl -sSf {base}{digest} | tee {self._work}/{digest} | {hasher}); [ "${{got%% *}}" = {digest} ]'
            for digest in self._payload.blobs
        ]
        if synced:
            lines.append(f"sync {' '.join(str(self._work / digest) for digest in self._payload.blobs)}")
        script = "\n".join(["set -e", *lines])
        return measure(Command(_CURL, self._side.inside("sh", "-c", script)))

    def _ollama(self) -> Measured:
        with self._server.serving() as server:
            found = measure(Command(_OLLAMA, server.pull(), server.environment, [server.pid]))
            server.check(self._payload.blobs)
            return found

    def _ours(self) -> Measured:
        where = ["--store", str(self._work / "store"), "--registry", f"http://{self._side.address}"]
        argv = [str(TOOL), "model", "fetch", f"{MODEL}:{TAG}", *where]
        return measure(Command(_OURS, self._side.inside(*argv)))


def fetch(rounds: int | None, mib: int | None, link: str | None) -> None:
    """One table per scene. `mib`: the model's size in each; `link`: the name of the only scene."""
    scenes = [SCENES[link]] if link else list(SCENES.values())
    install("the registry that is measured, and what stands in front of it", *PACKAGES)
    binary = ollama.program()
    largest = max(mib or sum(scene.sizes) for scene in scenes)
    # The model is in the registry, in the bundle that is pushed or with a client, and once more as a reserve.
    with workplace(3 * largest * MIB) as work, bed(work) as origin:
        for scene in scenes:
            _measure_scene(work, origin, scene, binary, rounds or scene.rounds, mib)
    print(_TICKS)


def _measure_scene(work: Path, origin: Bed, scene: Scene, binary: Path, rounds: int, mib: int | None) -> None:
    with ExitStack() as held:
        note("making the model and pushing it")
        payload = make_model(work / "bundle", scaled(scene.sizes, mib / sum(scene.sizes) if mib else 1.0))
        origin.push(payload.bundle)
        shutil.rmtree(payload.bundle)
        line = held.enter_context(linked(origin, scene.line)) if scene.line else None
        clients = Clients(work, line.side if line else origin.direct, payload, binary)
        rows = in_turn(clients.contenders(disk_binds=line is None), rounds)
        print(_title(scene, payload, line))
    lines = [[*row.cells(), *_judged(row, rows[-1], payload.size)] for row in rows]
    print_table(rounds, ["speed", "our speed ÷ its", "aim"], lines)


def _judged(row: Row, ours: Row, size: int) -> list[str]:
    ratio = row.seconds / ours.seconds
    aims = {
        _CURL: at_least(0.9, ratio),
        _OLLAMA: at_least(1.0, ratio),
        _OURS: at_most(MOST_MEMORY_MIB, ours.peak_mib, " MiB"),
    }
    return [f"{size / row.seconds / 1e6:.1f} MB/s", f"{ratio:.2f}", aims.get(row.label, "")]


def _title(scene: Scene, payload: Payload, line: Linked | None) -> str:
    largest = max(payload.blobs.values())
    connections = min(16, math.ceil(largest / _OLLAMA_PART))
    what = (
        f"{payload.size / MIB:.0f} MiB in {len(payload.blobs)} blobs, the largest {largest / MIB:.0f} MiB "
        f"(connections that Ollama opens for it: {connections})"
    )
    if scene.line is None or line is None:
        return f"Loopback: {what}.\n"
    counts = line.end()
    lost = counts["lost"] / (counts["lost"] + counts["passed"])
    return (
        f"{scene.line.megabits} Mbit/s, round trip {line.round_trip * 1000:.1f} ms, {lost:.2%} of the packets lost "
        f"(measured; the sender's TCP is {CONGESTION_CONTROL}): {what}.\n"
    )
