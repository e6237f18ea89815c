"""What the layers of a model keep, by what the header of its file says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jetson_deploy.plan.layers import kept_by_layers
from jetson_deploy.server.footprint import Footprint, Load
from jetson_deploy.server.opened import open_server
from jetson_deploy.store.gguf.header import GgufHeader

MIB = 1 << 20


def header(architecture: str, layers: int, **said: Any) -> GgufHeader:
    nothing = {field.name: None for field in msgspec.structs.fields(GgufHeader) if field.required}
    return msgspec.convert(
        {**nothing, "architecture": architecture, "block_count": layers, "least_bytes": 32, **said}, GgufHeader
    )


def kv(found: GgufHeader, heads: int, key: int, value: int, context: int, parallel: int, version: str) -> int:
    kept = kept_by_layers(found, heads, key, value)
    model = Footprint(
        file_bytes=0,
        kv_bytes_per_token_f16=kept.whole,
        window_kv_bytes_per_token_f16=kept.window,
        window_tokens=found.sliding_window or 0,
        latent_value_bytes_per_token_f16=kept.latent_values,
        state_bytes=kept.state,
        embedding_length=1,
        vocabulary=1,
        architecture=found.architecture or "",
    )
    return open_server().taken(model, Load(context_tokens=context, parallel=parallel, version=version)).kv_cache


GEMMA = header("gemma3", 18, sliding_window=512)


@pytest.mark.parametrize(
    ("context", "parallel", "version", "mib"),
    [
        (2048, 1, "0.9.5", 21),
        (8192, 1, "0.9.5", 39),
        (8192, 4, "0.9.5", 133.5),
        (2048, 1, "0.34.0", 21),
        (8192, 4, "0.30.0", 156),
        (8192, 4, "0.34.0", 186),
    ],
)
def test_layers_of_gemma_that_look_back_a_window_keep_no_more(
    context: int, parallel: int, version: str, mib: float
) -> None:
    """Recorded from real servers with Gemma 3 270M."""
    assert kv(GEMMA, 1, 256, 256, context, parallel, version) / MIB == mib


def test_the_pattern_that_a_file_lists_is_believed_before_what_is_known_of_its_architecture() -> None:
    listed = header("gemma3", 4, sliding_window=512, window_by_layer=(1, 0, 1, 0))
    kept = kept_by_layers(listed, 1, 256, 256)
    assert (kept.whole, kept.window, kept.bounded) == (2048, 2048, "")


def test_a_window_whose_layers_are_not_known_is_counted_whole_and_said() -> None:
    kept = kept_by_layers(header("foreign", 4, sliding_window=512), 1, 256, 256)
    assert (kept.whole, kept.window) == (4096, 0)
    assert "not known" in kept.bounded


def test_every_other_layer_of_gpt_oss_looks_back_a_window() -> None:
    kept = kept_by_layers(header("gpt-oss", 24, sliding_window=128), 8, 64, 64)
    assert kept.whole == kept.window == 12 * 8 * 2 * 128


def test_heads_are_summed_layer_by_layer_and_a_layer_without_keeps_a_state() -> None:
    hybrid = header("granitehybrid", 4, kv_heads_by_layer=(0, 0, 0, 4), state_size=128, state_inner_size=3072)
    kept = kept_by_layers(hybrid, 4, 64, 64)
    assert kept.whole == 4 * 2 * 128
    assert kept.state == 3 * 4 * 128 * 3072


def test_of_a_hybrid_model_with_an_interval_one_layer_in_so_many_has_attention() -> None:
    kept = kept_by_layers(header("qwen3next", 48, full_attention_interval=4), 2, 256, 256)
    assert kept.whole == 12 * 2 * 2 * 512


def test_newer_servers_keep_the_latent_keys_of_mla_alone() -> None:
    latent = header("deepseek2", 61, key_length_mla=192)
    older, newer = (kv(latent, 1, 576, 512, 4096, 1, version) for version in ("0.9.5", "0.34.0"))
    assert newer == 61 * 2 * 576 * 4096
    assert older == 61 * 2 * (576 + 512) * 4096
