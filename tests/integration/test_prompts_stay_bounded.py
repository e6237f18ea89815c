"""llama-server b10434, by itself and below Ollama 0.34.0: what it keeps of old prompts stays within our bound.

Fewer and shorter prompts than in `scripts/bench soak` (500 of 500 tokens): the measure is one prompt's KV cache.
"""

from __future__ import annotations

import pytest
from benches.soak import MIB, OLLAMA_WITH_IT, product_bounds, soaked
from servers.programs import LLAMA_SERVER

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]  # alone and without a cache they build first
TOKENS = 50
PROMPTS = {OLLAMA_WITH_IT: 24, LLAMA_SERVER: 60}


@pytest.mark.parametrize("server", PROMPTS)
@pytest.mark.parametrize("bound", [0, 4], ids=lambda mib: f"{mib}-mib")
def test_memory_stays_within_one_prompt_when_the_product_bounds_it(server: str, bound: int) -> None:
    seen = soaked(server, PROMPTS[server], TOKENS, product_bounds(server, bound * MIB))
    assert min(seen.prompt_tokens) >= TOKENS - 5
    assert seen.growth < seen.one_prompt


@pytest.mark.parametrize("server", PROMPTS)
def test_memory_grows_by_each_prompt_when_nothing_bounds_it(server: str) -> None:
    seen = soaked(server, PROMPTS[server], TOKENS, {})
    assert seen.growth > (PROMPTS[server] - seen.early - 1) * min(seen.prompt_tokens) * 20_000
