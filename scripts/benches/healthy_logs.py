"""Logs of real servers that served well: no known issue may be named in any of them but that a CPU computes, which it
does here, as it was asked to.

Each comes from settings of its own: server × model × context × parallel × how it went on and ended.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests
from servers.programs import SERVERS
from servers.running import CannotLoadError, RunningServer
from servers.starting import started

from jetson_deploy.catalog.load import load_issues
from jetson_deploy.server.diagnose import causes

MODELS = ("smollm2", "gemma3")
CONTEXTS = (512, 1024, 2048)
PARALLEL = (1, 2)
SLEEPS_AFTER = 1
"""Seconds without a request; of a llama-server that is to load again."""
PROMPT = "Once upon a time there was"


@dataclass(frozen=True)
class Setting:
    server: str
    model: str
    context: int
    parallel: int
    ending: str


@dataclass(frozen=True)
class Collected:
    setting: Setting
    lines: int
    exit_code: int
    named: tuple[str, ...]
    """Issue and evidence."""
    problem: str = ""
    """Why there is no log."""


def clean_stop(server: RunningServer) -> None:
    server.ask(PROMPT, tokens=4)


def client_gone(server: RunningServer) -> None:
    """It leaves in the middle of its answer; the next one is served."""
    path, limit = ("/api/generate", "num_predict") if server.is_ollama else ("/completion", "n_predict")
    body = {"model": server.model, "prompt": PROMPT, limit: 200, "options": {limit: 200}, "stream": True}
    with requests.post(server.url + path, json=body, stream=True, timeout=60) as answer:
        next(answer.iter_lines())
    server.ask(PROMPT, tokens=2)


def reload(server: RunningServer) -> None:
    """Ollama: another context loads the model anew. A llama-server sleeps in between, and loads as it wakes."""
    server.ask(PROMPT, tokens=2)
    if server.is_ollama:
        server.options["num_ctx"] = 768
    else:
        time.sleep(SLEEPS_AFTER + 1.5)
    server.ask(PROMPT + " a model that was loaded again", tokens=2)


ENDINGS = {"clean stop": clean_stop, "client gone": client_gone, "reload": reload}


def settings() -> Iterator[Setting]:
    """The quick model first: what is cut off has then seen each server."""
    for model, context, parallel, ending, server in itertools.product(MODELS, CONTEXTS, PARALLEL, ENDINGS, SERVERS):
        yield Setting(server, model, context, parallel, ending)


def collect(one: Setting) -> Collected:
    sleeps = ("--sleep-idle-seconds", str(SLEEPS_AFTER)) if one.ending == "reload" else ()
    try:
        with started(one.server, one.model, context=one.context, parallel=one.parallel, arguments=sleeps) as server:
            server.load()
            ENDINGS[one.ending](server)
            code = server.stop(signal.SIGTERM)
            log = server.log_text()
    except CannotLoadError as error:
        return Collected(one, 0, 0, (), str(error)[:200])
    return Collected(one, len(log.splitlines()), code, named(log, code))


def named(log: str, exit_code: int) -> tuple[str, ...]:
    """Issue and evidence."""
    issues = {id_: issue for id_, issue in load_issues().items() if "cpu-serves" not in issue.explains}
    found = causes(log, exit_code=exit_code, oom_killed=False, issues=issues)
    return tuple(f"{cause.id}: {cause.evidence}" for cause in found)


def healthy_logs(most: int | None = None) -> None:
    """Prints a row for each server, and what was named; anything named ends it with exit code 1."""
    wanted = list(itertools.islice(settings(), most))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(_told, wanted))
    print("| server | model | logs | lines | ended with 0 | with an issue named | could not load |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for server, model in itertools.product(SERVERS, MODELS):
        own = [one for one in found if (one.setting.server, one.setting.model) == (server, model)]
        logs = [one for one in own if not one.problem]
        figures = [len(logs), sum(one.lines for one in logs), sum(one.exit_code == 0 for one in logs)]
        figures += [sum(bool(one.named) for one in logs), len(own) - len(logs)]
        print(f"| {server} | {model} | {' | '.join(map(str, figures))} |")
    logs = [one for one in found if not one.problem]
    print(f"{len(logs)} logs, {sum(bool(one.named) for one in logs)} with an issue named")
    if any(one.named for one in logs):
        raise SystemExit(1)


def _told(one: Setting) -> Collected:
    found = collect(one)
    for text in (*found.named, *([found.problem] if found.problem else [])):
        print(f"{one}: {text}", flush=True)
    return found
