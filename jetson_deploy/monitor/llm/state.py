"""From the findings about the model's side to `Llm`. Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from jetson_deploy.monitor.llm.deployed import Deployed
from jetson_deploy.monitor.llm.ledger import Answered, Counts, FirstTokens
from jetson_deploy.monitor.llm.llama_server import LlamaSeen
from jetson_deploy.monitor.llm.server_look import ServerSeen
from jetson_deploy.monitor.model_parts import Door, Llm, Model, Server
from jetson_deploy.server.exchange import RunningModel

TokensFrom: TypeAlias = Literal["log", "llama-server", "tap"] | None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last probes."""

    deployed: Deployed | None = None
    engine_problem: str | None = None
    server: ServerSeen | None = None
    loaded: tuple[str, ...] = ()
    """Names of the models that work is for."""
    llama: LlamaSeen | None = None
    door: Door | None = None
    llama_counts: bool = False
    """llama-server's own counters can be read."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Of this moment. None: not given by that source."""

    source: TokensFrom
    counts: dict[str, Counts]
    answered: Answered
    first: FirstTokens | None
    log_busy: int | None
    tap_broken: int | None
    tap_in_flight: int | None
    tap_decoding: bool | None


def as_llm(known: Known, tokens: Tokens, *, grown: bool) -> Llm:
    """`grown`: tokens came since the last time."""
    deployed = known.deployed
    container = deployed.container if deployed and known.engine_problem is None else None
    return Llm(
        deployment=deployed.deployment if deployed else None,
        container=container,
        server=_server(known.server, known, tokens, grown=grown) if known.server else None,
        models=_models(known, tokens),
        door=known.door,
    )


def _server(seen: ServerSeen, known: Known, tokens: Tokens, *, grown: bool) -> Server:
    first = tokens.first or FirstTokens()
    if not seen.up:
        return Server(
            up=False,
            kind=seen.kind,
            endpoint=seen.endpoint,
            requests=tokens.answered.requests,
            tokens_from=tokens.source,
        )
    return Server(
        up=True,
        kind=seen.kind,
        endpoint=seen.endpoint,
        version=seen.version,
        in_flight=_in_flight(known, tokens),
        queued=_queued(known, tokens),
        requests=tokens.answered.requests,
        request_seconds=tokens.answered.seconds,
        first_token_seconds=first.last_seconds,
        first_token_seconds_total=first.total_seconds,
        first_tokens=first.count,
        answers_broken=tokens.tap_broken,
        tokens_from=tokens.source,
        decoding=_decoding(known, tokens, grown=grown),
    )


def _in_flight(known: Known, tokens: Tokens) -> int | None:
    if known.llama is not None and known.llama.processing is not None:
        return known.llama.processing
    return tokens.log_busy if tokens.log_busy is not None else tokens.tap_in_flight


def _queued(known: Known, tokens: Tokens) -> int | None:
    if known.llama is not None and known.llama.deferred is not None:
        return known.llama.deferred
    parallel = known.deployed.deployment.parallel if known.deployed else None
    if tokens.tap_in_flight is None or not parallel or known.server is None:
        return None
    return max(0, tokens.tap_in_flight - parallel * max(1, len(known.server.models)))


def _decoding(known: Known, tokens: Tokens, *, grown: bool) -> bool | None:
    if grown or (known.llama is not None and known.llama.decoding):
        return True
    if tokens.log_busy is not None:  # a prompt that is read is work of the same kind
        return tokens.log_busy > 0
    if tokens.tap_decoding is None:
        return None
    return True if tokens.tap_decoding else (None if tokens.tap_in_flight else False)


def _models(known: Known, tokens: Tokens) -> tuple[Model, ...]:
    running = {one.name: one for one in (known.server.models if known.server else ())}
    return tuple(_model(known, name, running.get(name), tokens) for name in {**running, **tokens.counts})


def _model(known: Known, name: str, running: RunningModel | None, tokens: Tokens) -> Model:
    counts = tokens.counts.get(name, Counts())
    context = running.context_length if running else None
    if context is None and known.deployed and name == known.deployed.deployment.model:
        context = known.deployed.deployment.context_tokens  # Ollama before 0.10 does not say
    used = known.llama.context_used if known.llama and running and len(known.loaded) == 1 else None
    return Model(
        name=name,
        loaded=running is not None,
        family=running.family if running else None,
        quantization=running.quantization if running else None,
        size_bytes=running.size_bytes if running else None,
        gpu_bytes=running.gpu_bytes if running else None,
        context_tokens=context,
        context_used_tokens=counts.context_used_tokens if used is None else used,
        prompt_tokens=counts.prompt_tokens,
        prompt_seconds=counts.prompt_seconds,
        decode_tokens=counts.decode_tokens,
        decode_seconds=counts.decode_seconds,
        last_prompt_rate=counts.last_prompt_rate,
        last_decode_rate=counts.last_decode_rate,
    )
