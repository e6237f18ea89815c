"""Ollama 0.34.0 with llama-server b10434: what it keeps of old prompts stays within the product's bound.

Fewer and shorter prompts than in `scripts/bench soak` (200 of 500 tokens): the measure is one prompt's KV cache.
"""

from __future__ import annotations

import pytest
from benches.soak import MIB, product_bounds, soaked

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]  # alone and without a cache they build first
PROMPTS, TOKENS = 24, 50


@pytest.mark.parametrize("bound", [0, 4], ids=lambda mib: f"{mib}-mib")
def test_memory_stays_within_one_prompt_when_the_product_bounds_it(bound: int) -> None:
    seen = soaked(PROMPTS, TOKENS, product_bounds(bound * MIB))
    assert min(seen.prompt_tokens) >= TOKENS - 5
    assert seen.growth < seen.one_prompt


def test_memory_grows_by_each_prompt_when_nothing_bounds_it() -> None:
    seen = soaked(PROMPTS, TOKENS, {})
    assert seen.growth > (PROMPTS - seen.early - 1) * min(seen.prompt_tokens) * 20_000
