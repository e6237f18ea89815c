"""What a server keeps of prompts that no request is using any more: its own memory over many prompts, with the bound
that the product sets and without one.

llama-server, which from 0.30 on is Ollama's runner, keeps each prompt that another one pushes out at the size of its KV
cache, up to 8 GiB of host memory, and counts them nowhere.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from servers.programs import LLAMA_SERVER
from servers.starting import started

from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.server.llama_cpp.templates import KNOWN
from jetson_deploy.server.opened import open_server
from jetson_deploy.server.workload import Workload
from jetson_deploy.server_kinds import LLAMA_CPP, OLLAMA

MODEL = "smollm2"
OLLAMA_WITH_IT = "ollama-0.34.0"
SERVERS = (OLLAMA_WITH_IT, LLAMA_SERVER)
CONTEXT = 4096
KV_BYTES_PER_TOKEN = 2 * 30 * 3 * 64 * 2
"""SmolLM2-135M at f16: keys and values of 30 layers with 3 heads of 64."""
MIB = 1 << 20
BOUNDS_MIB = (0, 64)
_WORDS = ("time", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state", "group", "hand")
_ASKERS = ("The first user says:", "And another one asks:")


@dataclass(frozen=True)
class Soaked:
    prompt_tokens: list[int]
    anonymous: list[int]
    """RssAnon of the runner after each prompt."""

    @property
    def early(self) -> int:
        """The prompt after which it is first looked at: a quarter of all."""
        return len(self.anonymous) // 4

    @property
    def growth(self) -> int:
        return self.anonymous[-1] - self.anonymous[self.early - 1]

    @property
    def one_prompt(self) -> int:
        return max(self.prompt_tokens) * KV_BYTES_PER_TOKEN


def product_bounds(server: str, prompt_cache_bytes: int) -> dict[str, str]:
    """The variables by which the product bounds one of SERVERS, for a plan that leaves so much."""
    kind = open_server(LLAMA_CPP if server == LLAMA_SERVER else OLLAMA)
    work = Workload(
        endpoint=local_endpoint(11434),
        store="/models",
        manifest_digest=None,
        context_tokens=CONTEXT,
        parallel=1,
        kv_cache_type="f16",
        version=OLLAMA_WITH_IT.rpartition("-")[2],
        weights="sha256:" + "0" * 64,
        template=next(iter(KNOWN)),
        prompt_cache_bytes=prompt_cache_bytes,
    )
    said = kind.set_up(work).environment
    return {name: value for name, value in said.items() if name in kind.not_identifying}


def soaked(server: str, prompts: int, tokens: int, environment: Mapping[str, str]) -> Soaked:
    """No two prompts are alike, from their first words on."""
    chance = random.Random(14)
    told, anonymous = [], []
    with started(server, MODEL, context=CONTEXT, environment=environment) as running:
        running.load()
        for number in range(prompts):
            words = chance.choices(_WORDS, k=tokens - 8)
            answer = running.ask(f"{_ASKERS[number % 2]} {number:03} {' '.join(words)}")
            told.append(answer["prompt_eval_count" if running.is_ollama else "tokens_evaluated"])
            anonymous.append(running.memory()["RssAnon"])
    return Soaked(told, anonymous)


def soak(server: str, prompts: int, tokens: int) -> None:
    """Prints the table; a bound that does not hold ends it with exit code 1."""
    print(f"{prompts} prompts of about {tokens} tokens, {MODEL}, {server}, context {CONTEXT}")
    print("| bound | variables | RssAnon after a quarter | at the end | growth | one prompt's KV cache |")
    print("| --- | --- | --- | --- | --- | --- |")
    held = True
    for bound in (*BOUNDS_MIB, None):
        environment = {} if bound is None else product_bounds(server, bound * MIB)
        seen = soaked(server, prompts, tokens, environment)
        told = ", ".join(f"{k}={v}" for k, v in environment.items()) or "none"
        figures = (seen.anonymous[seen.early - 1], seen.anonymous[-1], seen.growth, seen.one_prompt)
        row = " | ".join(f"{one / MIB:.1f} MiB" for one in figures)
        print(f"| {'none' if bound is None else f'{bound} MiB'} | {told} | {row} |", flush=True)
        held &= (seen.growth < seen.one_prompt) == (bound is not None)
    if not held:
        raise SystemExit(1)
