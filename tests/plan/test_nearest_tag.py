"""A tag that is not offered: the nearest in size, then in quantization, is named."""

from __future__ import annotations

import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.errors import UsageError
from jetson_deploy.plan.nearest_tag import nearest_tag
from jetson_deploy.plan.wanted_model import find_model

CATALOG = load_catalog()
SIZES = CATALOG.models["deepseek-r1"].sizes

CASES = {
    "7b-q8_0": "7b-qwen-distill-q8_0",
    "7b-fp16": "7b-qwen-distill-fp16",
    "7b-bf16": "7b-qwen-distill-fp16",
    "7b-q5_K_M": "7b",
    "7b-Q6_K": "7b-qwen-distill-q8_0",
    "7b-iq2_XS": "7b",
    "8b-q8_0": "8b-0528-qwen3-q8_0",
    "8b-llama-q8_0": "8b-llama-distill-q8_0",
    "9b": "8b",
    "3b": "1.5b",
    "500m": "1.5b",
    "72b-q8_0": "70b-llama-distill-q8_0",
    "700B": "671b",
    "0b": None,
    "distill": None,
    "large-7b": None,
}


@pytest.mark.parametrize(("tag", "near"), CASES.items())
def test_the_tag_nearest_in_size_and_then_in_quantization(tag: str, near: str | None) -> None:
    assert nearest_tag(tag, SIZES) == near


def test_where_nothing_is_offered_nothing_is_near() -> None:
    assert nearest_tag("7b", {}) is None


@pytest.mark.parametrize("asked", ["7b-q8_0", "deepseek-r1:7b-q8_0"])
def test_the_refusal_names_it(asked: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_model(CATALOG, asked)
    assert refused.value.hint is not None
    assert refused.value.hint.startswith("did you mean 7b-qwen-distill-q8_0? ")
