"""The model's side: container, server, and each loaded model with speed, energy and context."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.cli.monitor.screen.compute import history
from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.glyphs import sparkline
from jetson_deploy.cli.monitor.screen.lines import LABEL, Block, Section, Span, Style, cells, clean, flowed, row
from jetson_deploy.monitor.metric_readers import cpu_accepted, loaded
from jetson_deploy.monitor.model_parts import Container, Model, Requests, Server
from jetson_deploy.server.opened import open_server

_WHOLE = 0.999
"""From here on a model counts as wholly on the GPU."""


def model(frame: Frame) -> Section:
    llm = frame.llm
    if llm.server is None and llm.container is None and llm.deployment is None:
        return Section((Block(2, (row("model", ("-", ""), ("  (no server of ours is seen)", "dim")),)),))
    models = enumerate(loaded(frame.sample))
    blocks = [_behind(block, number) for number, one in models for block in _one(frame, one, number)]
    if not blocks:
        blocks = list(_none_loaded(frame))
    return Section((*blocks, *_server(frame, llm.server), *_container(frame, llm.container)))


def _behind(block: Block, number: int) -> Block:
    """The first model is worth more than a second one."""
    return block if number == 0 else Block(block.rank + 3, block.lines)


def _none_loaded(frame: Frame) -> Iterator[Block]:
    deployment = frame.llm.deployment
    name = clean(deployment.model) if deployment and deployment.model else ""
    text = f"{name} is not loaded; the next request loads it" if name else "none loaded"
    up = frame.llm.server is not None and frame.llm.server.up
    yield Block(1, (row("model", (text if up else name or "-", "")),))


def _one(frame: Frame, one: Model, number: int) -> Iterator[Block]:
    label = "model" if number == 0 else ""
    what: list[list[Span]] = [[(clean(one.name), "bold")]]
    if one.quantization:
        what.append([(clean(one.quantization), "")])
    what += [
        [(figures.size(one.size_bytes) if one.size_bytes else "size -", "")],
        [_share(frame, one)],
        [_context(one)],
    ]
    yield from flowed(1, label, what, frame.width, more=0)
    yield from _speed(frame, one)


def _share(frame: Frame, one: Model) -> Span:
    share = one.gpu_share
    if share is None:
        return ("GPU share -", "")
    accepted = cpu_accepted(frame.sample)
    text = f"GPU {share * 100:.0f} %"
    if share >= _WHOLE:
        return (text, "good")
    said = " (accepted)" if accepted else " ON CPU" if share == 0 else " PARTLY ON CPU"
    return (text + said, "" if accepted else "bad")


def _context(one: Model) -> Span:
    used = figures.number(one.context_used_tokens, "d") if one.context_used_tokens is not None else "-"
    full = bool(one.context_tokens and (one.context_used_tokens or 0) >= 0.95 * one.context_tokens)
    text = f"context {used} of {'-' if one.context_tokens is None else one.context_tokens}"
    return (text + (" FULL" if full else ""), "warn" if full else "")


def _speed(frame: Frame, one: Model) -> Iterator[Block]:
    now = frame.speed(one.name)
    server = frame.llm.server
    if server is not None and server.tokens_from is None:
        why = "tok/s -  (below Ollama 0.30 only `monitor serve --tap` counts them)"
        yield Block(2, (row("", (why, "dim")),))
        return
    spans: list[Span] = [_rate(now, one.last_decode_rate, server)]
    spans.append((f"  {figures.number(frame.joules_per_token, '.2f')} J/token", ""))
    spans.append((f"  prompt {figures.number(one.last_prompt_rate)} tok/s", ""))
    used = sum(cells(text) for text, _ in spans)
    room = frame.width - LABEL - used - 2
    if room >= 6:
        line = sparkline(frame.speeds(one.name, room), room, glyphs=frame.glyphs)
        spans += [("  ", ""), (line, "good")]
    yield Block(1, (row("", *spans),))
    yield history(frame, frame.speeds(one.name, frame.width), 0.0, None, lambda rate: f"{rate:.0f} t/s")
    yield Block(6, (row("", (_counted(one), "dim")),))


def _rate(now: float | None, last: float | None, server: Server | None) -> Span:
    if now is not None:
        return (f"decodes {now:.1f} tok/s", "good")
    idle = "idle" if server is not None and server.decoding is False else "decodes -"
    return (f"{idle}, last {figures.number(last)} tok/s", "")


def _counted(one: Model) -> str:
    return f"since start: {one.decode_tokens} tokens decoded, {one.prompt_tokens} read as prompts"


def _server(frame: Frame, server: Server | None) -> Iterator[Block]:
    if server is None:
        yield Block(2, (row("server", ("-", "")),))
        return
    said: Span = ("answers", "good") if server.up else ("DOES NOT ANSWER", "bad")
    title = open_server(server.kind).title
    version = f"{title} {clean(server.version)}" if server.version else title
    waiting: Style = "warn" if server.queued else ""
    items: list[list[Span]] = [
        [(f"{version} ", ""), said],
        [(f"running {_count(server.in_flight)}", "")],
        [(f"waiting {_count(server.queued)}", waiting)],
        [(_answered(server.requests), "warn" if _failed(server.requests) else "")],
    ]
    yield from flowed(2, "server", items, frame.width, more=0)
    details: list[list[Span]] = [[(clean(server.endpoint), "dim")]]
    if server.first_token_seconds is not None:
        details.append([(f"first token after {server.first_token_seconds:.2f} s", "")])
    details.append([(f"tokens counted from: {server.tokens_from or '-'}", "dim")])
    yield from flowed(5, "", details, frame.width)


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _failed(requests: tuple[Requests, ...]) -> int:
    return sum(one.count for one in requests if one.code >= 500)


def _answered(requests: tuple[Requests, ...]) -> str:
    failed = _failed(requests)
    return f"answered {sum(one.count for one in requests)}" + (f", {failed} FAILED" if failed else "")


def _container(frame: Frame, container: Container | None) -> Iterator[Block]:
    if container is None:
        return
    style: Style = "good" if container.state == "running" else "bad"
    cores = frame.rate(lambda s: s.llm.container.cpu_seconds if s.llm.container else None)
    items: list[list[Span]] = [
        [(f"{clean(container.name)} ", ""), (clean(container.state), style)],
        [(f"CPU {figures.percent(cores)}", "")],
        [(f"memory {figures.size(container.memory_bytes)}", "")],
        [(f"restarts {_count(container.restarts)}", "warn" if container.restarts else "")],
    ]
    if container.oom_killed:
        items.append([("ENDED FOR MEMORY", "bad")])
    if container.exit_code and container.state != "running":
        items.append([(f"exit code {container.exit_code}", "bad")])
    yield from flowed(4, "docker", items, frame.width)
