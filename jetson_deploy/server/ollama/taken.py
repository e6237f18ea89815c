"""The memory that an Ollama takes for a model beside its file, by version, flash attention and settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from jetson_deploy.catalog.version import parse_version
from jetson_deploy.server import llama_server
from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.ollama import graph
from jetson_deploy.server.ollama.flash import has_flash_attention
from jetson_deploy.server.ollama.kv_cache import llama_cache, own_engine_cache
from jetson_deploy.server.ollama.prompts import runs_llama_server

Engine = Literal["old", "llama-server, all logits", "llama-server"]
_OWN_ENGINE = ("gemma3", "gemma3n", "mistral3", "llama4", "mllama", "qwen25vl", "gptoss", "gpt-oss")
"""Ollama up to 0.24 runs them in an engine of its own (fs/ggml/ggml.go OllamaEngineRequired)."""
_ONE_ROW = (0, 32, 15)
"""Its llama.cpp (b10488) keeps one row of logits for each request; that of 0.31.2 (b9888) was not looked at."""
_GROWING_BATCH = (0, 31)
_UNMEASURED = "that Ollama's buffer of logits is not known"


def taken(model: Footprint, load: Load) -> Taken:
    """The largest account of every engine that it may be, on the GPU, and on the CPU where that is accepted."""
    engines = tuple(_engines(load.version))
    places = {load.only_cpu, load.only_cpu or load.may_use_cpu}
    accounts = [_by(engine, model, load, cpu=cpu) for engine in engines for cpu in places]
    most = max(accounts, key=lambda one: one.kv_cache + one.graph)
    # On a CPU llama.cpp reads the embedding where it lies; Ollama's own engine copies it there too.
    twice = not load.only_cpu or ("old" in engines and model.architecture in _OWN_ENGINE)
    second = model.tied_embedding_bytes if twice else 0
    return msgspec.structs.replace(most, second_embedding=second, bounds=tuple(_bounds(model, load, engines)))


def _engines(version: str | None) -> Iterator[Engine]:
    newer = runs_llama_server(version)
    if newer is not True:
        yield "old"
    if newer is not False:
        one_row = newer is None or parse_version(version or "0") >= _ONE_ROW
        yield "llama-server" if one_row else "llama-server, all logits"


def _by(engine: Engine, model: Footprint, load: Load, *, cpu: bool) -> Taken:
    if engine == "old":
        return _old(model, load, cpu=cpu)
    flash = has_flash_attention(load.compute_capability)
    predicted = model.file_bytes + llama_server.kv_cache(model, load, graph.USUAL_BATCH)
    grows = runs_llama_server(load.version) is None or parse_version(load.version or "0") >= _GROWING_BATCH
    batch = graph.batch_of(load, predicted, flash=flash, grows=grows)
    needed = llama_server.graph(model, load, batch, flash=flash)
    if engine != "llama-server":
        needed = max(needed, graph.logits(model, batch))
    return Taken(kv_cache=llama_server.kv_cache(model, load, batch), graph=needed)


def _old(model: Footprint, load: Load, *, cpu: bool) -> Taken:
    """On a CPU it has no flash attention, and then keeps f16 whatever was asked for."""
    flash = has_flash_attention(load.compute_capability) and not cpu
    kind = load.kv_cache_type if flash else "f16"
    batch = min(graph.USUAL_BATCH, load.tokens)
    if model.architecture in _OWN_ENGINE:
        return Taken(
            kv_cache=own_engine_cache(model, load, kind, batch),
            graph=graph.own_engine(model, batch, load.tokens, flash=flash),
        )
    needed = max(graph.logits(model, batch), graph.attention(model, batch, load.tokens, flash=flash))
    return Taken(kv_cache=llama_cache(model, load, kind), graph=needed)


def _bounds(model: Footprint, load: Load, engines: tuple[Engine, ...]) -> Iterator[str]:
    if len(engines) > 1:
        yield "the server's version is not known"
    elif engines == ("llama-server, all logits",):
        yield _UNMEASURED
    if load.may_use_cpu:
        yield "it may run on the CPU"
    if model.window_kv_bytes_per_token_f16 and "old" in engines and model.architecture not in _OWN_ENGINE:
        yield "an old server keeps more than a layer looks back"
