"""Image and model staged together, as `up` does, against `docker pull` and then `ollama pull`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benches import ollama, stage_driver
from benches.bed import Bed, Side, bed
from benches.link import Line, linked
from benches.measure import Command, Measured, measure
from benches.payload import IMAGE, MIB, MODEL, TAG, Payload, make_image, make_model, scaled
from benches.table import Contender, Row, at_most, in_turn, print_table
from benches.workplace import REPOSITORY, note, workplace
from jetson_deploy.rehearsal.engine import Engine

_THEIRS = "docker pull, then ollama pull"
_APART, _TOGETHER = "our staging, image and then model", "our staging, both together"
_LAYERS, _BLOBS = (120, 80, 60, 40), (200, 100)
"""MiB, of image and model."""


class Scene(NamedTuple):
    """`share` of the sizes above. Two aims: against one after the other, and against bytes ÷ link."""

    line: Line | None
    share: float
    rounds: int
    most_of_apart: float | None
    most_of_link: float | None


SCENES = {
    "direct": Scene(None, 1.0, 3, 0.65, None),
    "shaped": Scene(Line(megabits=100), 0.75, 2, None, 1.05),
}


class _Engine(Engine, frozen=True, kw_only=True):
    """The rehearsal's, which may also pull from the registry at `registry_host` without TLS."""

    registry_host: str

    def _command(self) -> list[str]:
        return [*super()._command(), "--insecure-registry", f"{self.registry_host}/32"]


@contextmanager
def _running_engine(work: Path, side: Side) -> Iterator[Engine]:
    directory = work / "engine"
    directory.mkdir()
    engine = _Engine(directory=directory, namespace=side.namespace, registry_host=side.host)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(directory, ignore_errors=True)


class _Ways:
    def __init__(self, work: Path, side: Side, engine: Engine, binary: Path, image: Payload, model: Payload) -> None:
        self._work, self._side, self._engine, self._model = work / "client", side, engine, model
        self._server = ollama.Ollama(binary, side, self._work / "ollama")
        self._reference = f"{side.address}/{IMAGE}@sha256:{image.manifest_digest}"

    def contenders(self, *, link_binds: bool) -> list[Contender]:
        """Where the link does not bind, it is seen apart what of the gain is the togetherness."""
        ways = {_THEIRS: self._theirs}
        if not link_binds:
            ways[_APART] = lambda: self._ours(_APART, "apart")
        ways[_TOGETHER] = lambda: self._ours(_TOGETHER, "together")
        return [Contender(label, self._fresh(run)) for label, run in ways.items()]

    def _fresh(self, run: Callable[[], Measured]) -> Callable[[], Measured]:
        def fresh() -> Measured:
            shutil.rmtree(self._work, ignore_errors=True)
            self._work.mkdir()
            self._forget_image()
            os.sync()  # what others left to be written is not this one's work
            return run()

        return fresh

    def _docker(self, *arguments: str) -> list[str]:
        return ["docker", "--host", self._engine.host, *arguments]

    def _forget_image(self) -> None:
        images = subprocess.run(self._docker("images", "-aq"), capture_output=True, text=True, check=True).stdout
        if images:
            subprocess.run(self._docker("rmi", "-f", *set(images.split())), stdout=subprocess.DEVNULL, check=True)

    def _theirs(self) -> Measured:
        with self._server.serving() as server:
            # The commands stand apart from the script: nothing in them has to be quoted.
            docker = self._docker("pull", "--quiet", self._reference)
            script = f'"${{@:1:{len(docker)}}}" && "${{@:{len(docker) + 1}}}"'
            argv = ["bash", "-c", script, "bash", *docker, *server.pull()]
            found = measure(Command(_THEIRS, argv, server.environment, [server.pid]))
            server.check(self._model.blobs)
            return found

    def _ours(self, label: str, how: str) -> Measured:
        argv = [sys.executable, stage_driver.__file__, how, self._engine.host, self._reference, f"{MODEL}:{TAG}"]
        where = [f"http://{self._side.address}", str(self._work / "store")]
        return measure(Command(label, self._side.inside(*argv, *where)))


def stage(rounds: int | None, mib: int | None, link: str | None) -> None:
    """One table per scene. `mib`: image and model together; `link`: the name of the only scene."""
    scenes = [SCENES[link]] if link else list(SCENES.values())
    packages = [str(REPOSITORY / "scripts/rehearsal-parts"), "haproxy", "curl"]
    if subprocess.run(packages, check=False).returncode != 0:
        raise SystemExit(3)
    binary = ollama.program()
    total = mib or sum(_LAYERS) + sum(_BLOBS)
    with workplace(5 * total * MIB) as work, bed(work) as origin:
        for scene in scenes:
            _measure_scene(work, origin, scene, binary, rounds or scene.rounds, mib)


def _measure_scene(work: Path, origin: Bed, scene: Scene, binary: Path, rounds: int, mib: int | None) -> None:
    whole = sum(_LAYERS) + sum(_BLOBS)
    factor = (mib or whole) / whole * scene.share
    with ExitStack() as held:
        note("making image and model and pushing them")
        image = make_image(work / "image", scaled(_LAYERS, factor))
        model = make_model(work / "model", scaled(_BLOBS, factor))
        for made in (image, model):
            origin.push(made.bundle)
            shutil.rmtree(made.bundle)
        side = held.enter_context(linked(origin, scene.line)).side if scene.line else origin.direct
        engine = held.enter_context(_running_engine(work, side))
        ways = _Ways(work, side, engine, binary, image, model)
        rows = in_turn(ways.contenders(link_binds=scene.line is not None), rounds)
    _print(scene, rows, rounds, image.size, model.size)


def _print(scene: Scene, rows: list[Row], rounds: int, image: int, model: int) -> None:
    where = f"{scene.line.megabits} Mbit/s, {scene.line.delay * 2000:g} ms" if scene.line else "Loopback"
    sizes = f"an image of {image / MIB:.0f} MiB, a model of {model / MIB:.0f} MiB"
    print(f"{where}: {sizes} (without the engine's own CPU time and memory).\n")
    best = (image + model) / scene.line.payload_bytes_per_second if scene.line else None
    lines = []
    for row in rows:
        apart = row.seconds / rows[0].seconds
        ratios, aims = [f"{apart:.2f}"], []
        if best is not None:
            ratios.append(f"{row.seconds / best:.2f}")
        if row is rows[-1] and scene.most_of_apart is not None:
            aims.append(at_most(scene.most_of_apart, apart))
        if row is rows[-1] and scene.most_of_link is not None and best is not None:
            aims.append(at_most(scene.most_of_link, row.seconds / best))
        lines.append([*row.cells(), *ratios, " ".join(aims)])
    link = [] if best is None else [f"÷ {best:.2f} s, the bytes at the link's rate"]
    print_table(rounds, [f"÷ {_THEIRS}", *link, "aim"], lines)
