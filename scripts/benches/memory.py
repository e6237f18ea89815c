"""The memory that the product predicts, beside the buffers that real servers write into their logs.

All on a CPU, so what only a GPU takes (a second tied embedding, the CUDA context) is no part of either side. Ollama's
own engine logs no KV buffer: there its estimate is taken, which by its source is what it keeps.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from servers.models import MODELS, gguf
from servers.running import CannotLoadError
from servers.starting import started

from jetson_deploy.plan.fits import Shape
from jetson_deploy.plan.shape import shape_of
from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.opened import open_server
from jetson_deploy.server_kinds import LLAMA_CPP, OLLAMA
from jetson_deploy.store.gguf.header import read_gguf

MIB = 1 << 20
SERVERS = ("ollama-0.6.8", "ollama-0.9.5", "ollama-0.11.4", "ollama-0.34.0", "llama-server")
AIM, AIM_KEPT_OUT = 0.05, 0.10
_SIZE = r"\s*([\d.]+) (MiB|GiB)"
_WEIGHTS = re.compile(r"CPU(?:_REPACK)? model buffer size =" + _SIZE + r'|model weights" buffer=CPU size="' + _SIZE)
_KV = re.compile(r"KV buffer size =" + _SIZE)
_GRAPH = re.compile(r"CPU (?:compute|output) buffer size =" + _SIZE + r'|compute graph" backend=CPU.*size="' + _SIZE)
_ESTIMATED_KV = re.compile(r'memory.required.kv="' + _SIZE)


class Point(NamedTuple):
    server: str
    model: str
    context: int
    parallel: int
    kv: str
    kept_out: bool = False
    """Of the derivation."""

    @property
    def aim(self) -> float:
        return AIM_KEPT_OUT if self.kept_out else AIM


class Compared(NamedTuple):
    point: Point
    predicted: int
    real: int

    @property
    def error(self) -> float:
        return self.predicted / self.real - 1

    @property
    def within(self) -> bool:
        return abs(self.error) <= self.point.aim


def grid() -> Iterator[Point]:
    for server, model in itertools.product(SERVERS, MODELS):
        longest = MODELS[model].trained
        for context, parallel, kv in itertools.product((2048, 8192, 32_768), (1, 4), ("f16", "q8_0")):
            if context <= longest:
                yield Point(server, model, context, parallel, kv)
        for context, parallel, kv in ((4096, 2, "f16"), (4096, 2, "q4_0"), (16_384, 1, "f16"), (16_384, 2, "q4_0")):
            if context <= longest:
                yield Point(server, model, context, parallel, kv, kept_out=True)


def compare(point: Point) -> Compared:
    """Raises CannotLoadError."""
    settings = {"context": point.context, "parallel": point.parallel, "kv": point.kv}
    with started(point.server, point.model, **settings) as server:  # type: ignore[arg-type]
        server.load()
        log = server.log_text()
    return Compared(point, predicted(point), real(log))


def predicted(point: Point) -> int:
    path = gguf(point.model)
    header = read_gguf(path)
    shape = shape_of(header, path.stat().st_size) if header else "no GGUF"
    if not isinstance(shape, Shape):
        raise TypeError(shape)
    taken = _taken(point, shape.footprint)
    return shape.file_bytes + taken.kv_cache + taken.graph + taken.second_embedding


def _taken(point: Point, model: Footprint) -> Taken:
    name, _, version = point.server.rpartition("-")
    load = Load(
        context_tokens=point.context,
        parallel=point.parallel,
        kv_cache_type=point.kv,
        version=version,
        only_cpu=True,
    )
    return open_server(OLLAMA if name == "ollama" else LLAMA_CPP).taken(model, load)


def real(log: str) -> int:
    kv = _sum(_KV, log) or _sum(_ESTIMATED_KV, log)
    return _sum(_WEIGHTS, log) + kv + _sum(_GRAPH, log)


def _sum(pattern: re.Pattern[str], log: str) -> int:
    found = [next((number, unit) for number, unit in _pairs(match) if number) for match in pattern.finditer(log)]
    return round(sum(float(number) * (1024 if unit == "GiB" else 1) for number, unit in found) * MIB)


def _pairs(match: re.Match[str]) -> Iterator[tuple[str, str]]:
    groups = match.groups()
    return zip(groups[::2], groups[1::2], strict=True)


def memory() -> None:
    """The whole grid as a table in Markdown."""
    print("| server | model | context × parallel | KV | predicted | real | error |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    missed = total = 0
    for point in grid():
        name = f"| {point.server} | {point.model} | {point.context} × {point.parallel} | {point.kv} |"
        try:
            found = compare(point)
        except CannotLoadError as error:
            print(f"{name} not loaded: {str(error)[:80]} | | |", flush=True)
            continue
        total, missed = total + 1, missed + (not found.within)
        marks = " (kept out)" * point.kept_out + " **missed**" * (not found.within)
        print(f"{name} {found.predicted / MIB:.0f} | {found.real / MIB:.0f} | {found.error:+.1%}{marks} |", flush=True)
    print(f"\n{total - missed} of {total} points within their aim (5 %, kept out of the derivation 10 %).")
