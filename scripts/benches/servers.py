"""llama-server against Ollama, both built for the same instructions of the CPU, one thread each, the same weights.

Compared is the processor time for each token, which the machine's other work hardly changes; the servers of a row run
beside each other and are asked in turn.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from servers.programs import LLAMA_SERVER
from servers.running import RunningServer
from servers.starting import started

from benches.memory import MIB, real
from jetson_deploy.server.llama_cpp.command import SPECULATION, SPECULATIONS

OLLAMA = "ollama-0.9.5"
MODELS = ("smollm2", "gemma3")
CLIENTS = 8
DECODED, PREFILLED, EACH_CLIENT, QUOTED = 64, 1000, 32, 400
_WORDS = ("time", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state", "group", "hand")
_PAGES = sorted((Path(__file__).parents[2] / "docs" / "concepts").glob("*.md"))
_QUOTED_CHARACTERS = 1600
"""Of one of these pages: some 400 tokens."""


class Side(NamedTuple):
    """One of the servers of a row."""

    title: str
    server: str
    parallel: int = 1
    speculation: str = ""
    """As the server calls it."""


class Took(NamedTuple):
    tokens: int
    cpu_seconds: float
    seconds: float

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_seconds / self.tokens


OURS, THEIRS = Side("llama-server", LLAMA_SERVER), Side(OLLAMA, OLLAMA)
EIGHT = (
    Side("llama-server, 8 slots", LLAMA_SERVER, CLIENTS),
    Side(f"{OLLAMA}, OLLAMA_NUM_PARALLEL=8", OLLAMA, CLIENTS),
    Side(f"{OLLAMA}, OLLAMA_NUM_PARALLEL=1", OLLAMA),
)
SPECULATING = (
    Side("with ngram", LLAMA_SERVER, speculation=SPECULATIONS["ngram"]),
    Side("without", LLAMA_SERVER, speculation="none"),
)
Task = Callable[[RunningServer, int], Took]


def servers(runs: int, models: Sequence[str]) -> None:
    print(f"CPU ms for each token, median of {runs} rounds in turn, one thread; × is how much less llama-server takes")
    print("| model | what | of | CPU ms a token | tok/s | × | aim |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for model in models:
        compare(model, "decode, 1 client", (OURS, THEIRS), _decoded, runs, 1.2)
        compare(model, f"prefill of {PREFILLED} fresh tokens", (OURS, THEIRS), _prefilled, runs, 1.5)
        compare(model, f"{CLIENTS} clients at once", EIGHT, _together, runs, 2.0)
        compare(model, f"ngram: an answer that quotes {QUOTED} tokens", SPECULATING, _quoted, runs, 1.8)
        compare(model, "ngram: a fresh answer", SPECULATING, _fresh, runs, 0.97)
    print("\n| model | weights + KV + compute, 4096 × 4, q8_0 | by its own log | PSS | ratio | aim |")
    print("| --- | --- | --- | --- | --- | --- |")
    for model in models:
        memory(model)


def compare(model: str, what: str, sides: tuple[Side, ...], task: Task, runs: int, aim: float) -> None:
    """A row for each side; the first is held against each of the others."""
    took: dict[Side, list[Took]] = {side: [] for side in sides}
    with contextlib.ExitStack() as stack:
        running = {side: stack.enter_context(_one(side, model)) for side in sides}
        for number, side in itertools.product(range(runs), sides):
            took[side].append(task(running[side], number))
    first = median(one.cpu_ms for one in took[sides[0]])
    for side in sides:
        cpu_ms = median(one.cpu_ms for one in took[side])
        rate = median(one.tokens / one.seconds for one in took[side])
        ratio = "" if side is sides[0] else f"{cpu_ms / first:.2f} × | ≥ {aim:g} ×"
        print(f"| {model} | {what} | {side.title} | {cpu_ms:.2f} | {rate:.0f} | {ratio or ' | '} |", flush=True)


def memory(model: str) -> None:
    logged: list[int] = []
    for side in (THEIRS, OURS):
        with started(side.server, model, context=4096, parallel=4, kv="q8_0") as server:
            server.load()
            server.ask("Once")
            logged.append(real(server.log_text()))
            pss = server.memory()["Pss"]
        ratio = f"{logged[1] / logged[0]:.2f} × | ≤ 0.7 ×" if len(logged) > 1 else " | "
        row = f"{logged[-1] / MIB:.0f} MiB | {pss / MIB:.0f} MiB | {ratio}"
        print(f"| {model} | {side.title} | {row} |", flush=True)


@contextlib.contextmanager
def _one(side: Side, model: str) -> Iterator[RunningServer]:
    environment = {SPECULATION: side.speculation} if side.speculation else {}
    with started(side.server, model, context=2048, parallel=side.parallel, environment=environment) as server:
        server.options = {"num_thread": 1} if server.is_ollama else {}
        server.load()
        server.ask("Once", tokens=8)
        yield server


def _decoded(server: RunningServer, number: int) -> Took:
    """Behind a prompt that the server has read already."""
    text = f"Chapter {number + 1}. "
    server.ask(text)
    return _took(server, lambda: _generated(server.ask(text, tokens=DECODED)))


def _prefilled(server: RunningServer, number: int) -> Took:
    return _took(server, lambda: _read(server.ask(f"{number} {_fresh_words(number, PREFILLED)}")))


def _together(server: RunningServer, number: int) -> Took:
    texts = [f"Letter {number * CLIENTS + client} to a friend." for client in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        return _took(
            server,
            lambda: sum(pool.map(lambda text: _generated(server.ask(text, tokens=EACH_CLIENT)), texts)),
        )


def _quoted(server: RunningServer, number: int) -> Took:
    page = _PAGES[number % len(_PAGES)].read_text(encoding="utf-8")[:_QUOTED_CHARACTERS]
    return _continued(server, f"{page}\n\n{page}\n\n{page[:60]}")


def _fresh(server: RunningServer, number: int) -> Took:
    return _continued(server, f"A story about {_fresh_words(number, 3)}.\n\n")


def _continued(server: RunningServer, text: str) -> Took:
    server.ask(text)
    return _took(server, lambda: _generated(server.ask(text, tokens=QUOTED)))


def _fresh_words(seed: int, count: int) -> str:
    return " ".join(random.Random(seed).choices(_WORDS, k=count))


def _took(server: RunningServer, asked: Callable[[], int]) -> Took:
    cpu, wall = server.cpu_seconds(), time.perf_counter()
    tokens = asked()
    return Took(tokens, server.cpu_seconds() - cpu, time.perf_counter() - wall)


def _generated(answer: Any) -> int:
    return int(answer["eval_count"] if "eval_count" in answer else answer["tokens_predicted"])


def _read(answer: Any) -> int:
    return int(answer["prompt_eval_count"] if "prompt_eval_count" in answer else answer["tokens_evaluated"])
