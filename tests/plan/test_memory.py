"""Our memory formula against the table of the model study, and Ollama's against its recorded estimates."""

from __future__ import annotations

from typing import Any

import pytest

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.plan.memory import footprint, need_terms
from jetson_deploy.server.footprint import Load
from jetson_deploy.server.ollama.estimate import ollama_estimate
from jetson_deploy.server.ollama.graph import USUAL_BATCH, batch_of
from jetson_deploy.server.opened import open_server

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


def terms(catalog: Catalog, tag: str, context: int, **settings: Any) -> dict[str, int]:
    """On an Orin with Ollama 0.6.8, unless `settings` say otherwise."""
    model = footprint(catalog.models["deepseek-r1"].sizes[tag])
    load = Load(context_tokens=context, **{"version": "0.6.8", "compute_capability": "8.7", **settings})
    return need_terms(model, open_server().taken(model, load), catalog.limits)


@pytest.mark.parametrize("tag", UNIFIED_NEED_MIB)
def test_the_need_equals_the_study_s_table(catalog: Catalog, tag: str) -> None:
    for context, expected in UNIFIED_NEED_MIB[tag].items():
        need = sum(terms(catalog, tag, context).values())
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
    f16, q8 = (terms(catalog, "7b", 4096, kv_cache_type=kind)["kv_cache"] for kind in ("f16", "q8_0"))
    assert q8 / f16 == pytest.approx(1.0625 / 2)


def test_parallel_requests_multiply_the_context(catalog: Catalog) -> None:
    assert terms(catalog, "7b", 2048, parallel=2) == terms(catalog, "7b", 4096)


def test_every_constant_names_its_source(catalog: Catalog) -> None:
    assert all(c.source and c.unit for c in catalog.limits.values())


@pytest.mark.parametrize(
    "changed",
    [
        {"compute_capability": "7.2"},
        {"may_use_cpu": True},
    ],
)
def test_a_long_context_needs_more_where_flash_attention_is_off(catalog: Catalog, changed: dict[str, Any]) -> None:
    usual = terms(catalog, "8b", 16_384)["graph"]
    assert terms(catalog, "8b", 16_384, **changed)["graph"] > 1.9 * usual


@pytest.mark.parametrize(
    ("version", "on_a_cpu", "quantized"), [("0.6.8", True, False), ("0.6.8", False, True), ("0.34.0", True, True)]
)
def test_a_server_that_cannot_quantize_on_a_cpu_is_counted_with_f16(
    catalog: Catalog, version: str, on_a_cpu: bool, quantized: bool
) -> None:
    settings = {"version": version, "may_use_cpu": on_a_cpu}
    plain = terms(catalog, "7b", 4096, **settings)["kv_cache"]
    assert (terms(catalog, "7b", 4096, kv_cache_type="q4_0", **settings)["kv_cache"] < plain) is quantized


@pytest.mark.parametrize(
    ("context", "version", "free_gib", "batches"),
    [
        (4096, "0.34.0", 60, 1),
        (8192, "0.34.0", 60, 2),
        (40_960, "0.34.0", 60, 4),
        (40_960, "0.34.0", 9, 2),
        (8192, "0.34.0", 7, 1),
        (8192, "0.30.5", 60, 1),
        (40_960, "0.9.5", 60, 1),
    ],
)
def test_the_batch_grows_with_the_context_from_0_31_on_where_the_memory_is_free(
    context: int, version: str, free_gib: int, batches: int
) -> None:
    load = Load(context_tokens=context, version=version, free_bytes=free_gib << 30)
    grows = version.startswith("0.34")
    assert batch_of(load, 6 << 30, flash=True, grows=grows) == batches * USUAL_BATCH


def test_without_flash_attention_the_batch_stays() -> None:
    assert batch_of(Load(context_tokens=65_536), 0, flash=False, grows=True) == USUAL_BATCH


def test_an_account_that_is_an_upper_bound_says_why(catalog: Catalog) -> None:
    model = footprint(catalog.models["deepseek-r1"].sizes["7b"])
    unknown = open_server().taken(model, Load(context_tokens=4096))
    known = open_server().taken(model, Load(context_tokens=4096, version="0.34.0"))
    old = open_server().taken(model, Load(context_tokens=4096, version="0.9.5"))
    assert unknown.bounds and not known.bounds and not old.bounds
    assert unknown.graph == max(old.graph, known.graph) > known.graph
