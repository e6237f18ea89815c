"""Whether a model of a store fits a board, by the catalog or by the header of its file."""

from __future__ import annotations

import msgspec
import pytest

from jetson_deploy.catalog.entries import ModelSize
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.record import Record
from jetson_deploy.names import parse_model_name
from jetson_deploy.plan.fits import Shape, budget_for, catalog_size, fit_of_shape, fit_of_size

CATALOG = load_catalog(())
SIZES = CATALOG.models["deepseek-r1"].sizes
GIB = 1 << 30


def shape_of(size: ModelSize) -> Shape:
    return Shape(
        file_bytes=size.model_layer.size or size.download_bytes,
        layers=size.layers,
        kv_heads=size.kv_heads,
        key_length=size.head_dim,
        value_length=size.head_dim,
        embedding_length=size.embedding_length,
        vocabulary=size.vocabulary,
        context_length=size.context_length,
        heads=size.heads,
        feed_forward_length=size.feed_forward_length,
        architecture=size.architecture,
    )


@pytest.mark.parametrize("tag", [tag for tag, size in SIZES.items() if size.architecture != "deepseek2"])
def test_the_header_and_the_catalog_come_to_the_same_need(tag: str) -> None:
    budget = budget_for(CATALOG, 8 * GIB, None)
    for context in (2048, 4096, 131_072):
        assert budget.terms_of(shape_of(SIZES[tag]).footprint, context) == budget.terms(SIZES[tag], context)


@pytest.mark.parametrize(
    ("free_gib", "fits", "context"), [(6.2, True, 4096), (5.75, True, 2048), (5.0, False, 2048), (0.1, False, 2048)]
)
def test_the_context_is_reduced_before_a_model_is_said_not_to_fit(free_gib: float, fits: bool, context: int) -> None:
    found = fit_of_shape(shape_of(SIZES["7b"]), budget_for(CATALOG, int(free_gib * GIB), None))
    assert (found.fits, found.context_tokens) == (fits, context)
    assert f"at a context of {context}" in found.why


def test_a_size_of_the_catalog_is_judged_as_up_judges_it() -> None:
    budget = budget_for(CATALOG, 5 * GIB, None)
    found = fit_of_size(SIZES["7b"], "catalog by digest", budget)
    assert (found.fits, found.why) == (False, budget.shortfall(SIZES["7b"], 2048, None))


def test_a_short_trained_model_is_asked_at_its_own_context() -> None:
    shape = Shape(
        file_bytes=100,
        layers=1,
        kv_heads=1,
        key_length=1,
        value_length=1,
        embedding_length=1,
        vocabulary=1,
        context_length=512,
    )
    assert fit_of_shape(shape, budget_for(CATALOG, 8 * GIB, None)).context_tokens == 512


def test_what_our_own_server_occupies_is_there_for_another_model() -> None:
    serving = Instance(
        container="jd-default-1",
        container_id="1",
        state="running",
        record=Record(
            name="default",
            revision=1,
            model="deepseek-r1:7b",
            manifest_digest=None,
            image="i",
            store="/s",
            port=11434,
            context_tokens=4096,
            parallel=1,
            kv_cache_type="f16",
            accept_cpu=False,
            image_policy="dustynv",
            need_bytes=5 * GIB,
            free_bytes_before=7 * GIB,
            simulated=None,
            asked_gpu_share=None,
            asked_floor=None,
            version="0.1.0",
        ),
    )
    assert budget_for(CATALOG, 1 * GIB, serving).free_bytes == 6 * GIB
    assert budget_for(CATALOG, 4 * GIB, serving).free_bytes == 7 * GIB
    for kind, counted in (("ollama", "ollama"), ("llama.cpp", "llama.cpp"), ("of a newer version", "ollama")):
        record = msgspec.structs.replace(serving.record, server=kind)
        budget = budget_for(CATALOG, 4 * GIB, msgspec.structs.replace(serving, record=record))
        assert (budget.server.kind, budget.request.server) == (counted, counted)


SEVEN = SIZES["7b"]


@pytest.mark.parametrize(
    ("name", "manifest", "file", "account"),
    [
        ("deepseek-r1:7b", SEVEN.manifest_digest, None, "catalog by digest"),
        ("other:1", SEVEN.older_manifest_digests[0], None, "catalog by digest"),
        ("other:1", "0" * 64, SEVEN.model_layer.digest, "catalog by digest"),
        ("deepseek-r1:7b", "0" * 64, "sha256:0", "catalog by name"),
        ("deepseek-r1:7b-qwen-distill-q4_K_M", "0" * 64, None, "catalog by name"),
        ("somebody/deepseek-r1:7b", "0" * 64, None, None),
        ("deepseek-r1:9b", "0" * 64, None, None),
    ],
)
def test_digests_are_believed_before_names(name: str, manifest: str, file: str | None, account: str | None) -> None:
    found = catalog_size(CATALOG, parse_model_name(name), manifest, file)
    assert (found[1] if found else None) == account
    assert found is None or found[0] is SEVEN
