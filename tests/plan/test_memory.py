"""Our memory formula against the table of the model study, and Ollama's against its recorded estimates."""

from __future__ import annotations

import pytest

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.plan.memory import footprint, need_terms
from jetson_deploy.server.ollama.estimate import ollama_estimate

MIB = 1 << 20
UNIFIED_NEED_MIB = {
    "1.5b": {2048: 1878, 4096: 1934, 8192: 2046},
    "7b": {2048: 5339, 4096: 5451, 8192: 5675},
    "8b": {2048: 6033, 4096: 6321, 8192: 6897},
    "14b": {2048: 9720, 4096: 10104, 8192: 10872},
    "32b": {2048: 20208, 4096: 20720, 8192: 21744},
    "70b": {2048: 41914, 4096: 42554, 8192: 43834},
}
"""notes/models-and-ollama.md 3.4: whole file + KV + 4*512*(E+V) + 457 MiB."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.mark.parametrize("tag", UNIFIED_NEED_MIB)
def test_the_need_equals_the_study_s_table(catalog: Catalog, tag: str) -> None:
    size = catalog.models["deepseek-r1"].sizes[tag]
    for context, expected in UNIFIED_NEED_MIB[tag].items():
        need = sum(need_terms(footprint(size), context, 1, "f16", catalog.limits).values())
        assert round(need / MIB) == pytest.approx(expected, abs=1)


def test_ollama_s_estimate_is_restated_within_two_percent(catalog: Catalog) -> None:
    compared = 0
    for tag, size in catalog.models["deepseek-r1"].sizes.items():
        for context, expected in size.ollama_estimate_mib.items():
            found = ollama_estimate(size, context, 1, "f16", catalog.limits)
            assert found is not None
            assert found / MIB == pytest.approx(expected, rel=0.02), f"{tag} at {context}"
            compared += 1
    assert compared >= 18


def test_the_kv_cache_of_q8_0_counts_its_real_size(catalog: Catalog) -> None:
    size = catalog.models["deepseek-r1"].sizes["7b"]
    f16 = need_terms(footprint(size), 4096, 1, "f16", catalog.limits)["kv_cache"]
    q8 = need_terms(footprint(size), 4096, 1, "q8_0", catalog.limits)["kv_cache"]
    assert q8 / f16 == pytest.approx(1.0625 / 2)


def test_parallel_requests_multiply_the_context(catalog: Catalog) -> None:
    size = catalog.models["deepseek-r1"].sizes["7b"]
    assert need_terms(footprint(size), 2048, 2, "f16", catalog.limits) == need_terms(
        footprint(size), 4096, 1, "f16", catalog.limits
    )


def test_every_constant_names_its_source(catalog: Catalog) -> None:
    assert all(c.source and c.unit for c in catalog.limits.values())
