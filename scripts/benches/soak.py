"""What a server keeps of prompts that no request is using any more: its own memory over many prompts, with the bound
that the product sets and without one.

From 0.30 on Ollama's runner is llama-server. It keeps each prompt that another one pushes out at the size of its KV
cache, up to 8 GiB of host memory, and counts them nowhere.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from servers.starting import started

from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.server.opened import open_server
from jetson_deploy.server.workload import Workload

SERVER, MODEL, VERSION = "ollama-0.34.0", "smollm2", "0.34.0"
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


def product_bounds(prompt_cache_bytes: int) -> dict[str, str]:
    """The variables of the product for a plan that leaves so much, without those that say where it serves."""
    work = Workload(
        endpoint=local_endpoint(11434),
        store="/models",
        manifest_digest=None,
        context_tokens=CONTEXT,
        parallel=1,
        kv_cache_type="f16",
        version=VERSION,
        prompt_cache_bytes=prompt_cache_bytes,
    )
    said = open_server().set_up(work).environment
    return {name: value for name, value in said.items() if name.startswith("LLAMA_ARG_")}


def soaked(prompts: int, tokens: int, environment: Mapping[str, str]) -> Soaked:
    """No two prompts are alike, from their first words on."""
    chance = random.Random(14)
    told, anonymous = [], []
    with started(SERVER, MODEL, context=CONTEXT, environment=environment) as server:
        server.load()
        for number in range(prompts):
            words = chance.choices(_WORDS, k=tokens - 8)
            answer = server.ask(f"{_ASKERS[number % 2]} {number:03} {' '.join(words)}")
            told.append(answer["prompt_eval_count"])
            anonymous.append(server.memory()["RssAnon"])
    return Soaked(told, anonymous)


def soak(prompts: int = 200, tokens: int = 500) -> None:
    """Prints the table; a bound that does not hold ends it with exit code 1."""
    print(f"{prompts} prompts of about {tokens} tokens, {MODEL}, {SERVER}, context {CONTEXT}")
    print("| bound | variables | RssAnon after a quarter | at the end | growth | one prompt's KV cache |")
    print("| --- | --- | --- | --- | --- | --- |")
    held = True
    for bound in (*BOUNDS_MIB, None):
        environment = {} if bound is None else product_bounds(bound * MIB)
        seen = soaked(prompts, tokens, environment)
        told = ", ".join(f"{k}={v}" for k, v in environment.items()) or "none"
        figures = (seen.anonymous[seen.early - 1], seen.anonymous[-1], seen.growth, seen.one_prompt)
        row = " | ".join(f"{one / MIB:.1f} MiB" for one in figures)
        print(f"| {'none' if bound is None else f'{bound} MiB'} | {told} | {row} |", flush=True)
        held &= (seen.growth < seen.one_prompt) == (bound is not None)
    if not held:
        raise SystemExit(1)
