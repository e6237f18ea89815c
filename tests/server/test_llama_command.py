"""What the container of a llama-server is started with."""

from __future__ import annotations

from typing import Any

import pytest

from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import InternalError
from jetson_deploy.server.llama_cpp.batch import batch_tokens
from jetson_deploy.server.llama_cpp.parameters import KNOWN as PARAMETERS
from jetson_deploy.server.llama_cpp.server import LlamaCppServer
from jetson_deploy.server.llama_cpp.templates import KNOWN
from jetson_deploy.server.workload import Layers, Setup, Workload

CHATML = next(iter(KNOWN))
WEIGHTS = "sha256:" + "a" * 64


def setup(**changed: Any) -> Setup:
    usual: dict[str, Any] = {
        "endpoint": local_endpoint(11434),
        "store": "/mnt/store",
        "model": "deepseek-r1:8b",
        "weights": WEIGHTS,
        "template": CHATML,
        "manifest_digest": "b" * 64,
        "context_tokens": 4096,
        "parallel": 2,
        "kv_cache_type": "f16",
    }
    return LlamaCppServer().set_up(Workload(**usual | changed))


def value(made: Setup, flag: str) -> str:
    return made.command[made.command.index(flag) + 1]


def test_it_serves_one_blob_of_the_store_read_only_under_the_models_name() -> None:
    made = setup()
    (mount,) = made.mounts
    assert (mount.source, mount.read_only) == ("/mnt/store/blobs", True)
    assert value(made, "--model") == f"{mount.target}/sha256-{'a' * 64}"
    assert value(made, "--alias") == "deepseek-r1:8b"


def test_it_listens_on_loopback_alone() -> None:
    made = setup()
    assert (value(made, "--host"), value(made, "--port")) == ("127.0.0.1", "11434")


@pytest.mark.parametrize(
    ("context", "parallel", "total"), [(4096, 1, 4096), (4096, 4, 16384), (1000, 1, 1024), (2500, 2, 5120)]
)
def test_each_slot_has_its_own_context_in_whole_steps(context: int, parallel: int, total: int) -> None:
    made = setup(context_tokens=context, parallel=parallel)
    assert (value(made, "--ctx-size"), value(made, "--parallel")) == (str(total), str(parallel))
    assert "--no-kv-unified" in made.command


@pytest.mark.parametrize(("kind", "flash"), [("f16", "auto"), ("q8_0", "on"), ("q4_0", "on")])
def test_a_quantized_cache_is_kept_with_flash_attention(kind: str, flash: str) -> None:
    made = setup(kv_cache_type=kind)
    assert [value(made, f) for f in ("--cache-type-k", "--cache-type-v", "--flash-attn")] == [kind, kind, flash]


@pytest.mark.parametrize(
    ("left", "cache", "checkpoints"), [(0, "0", "0"), (100 << 20, "100", "6"), (8 << 30, "8192", "32")]
)
def test_kept_prompts_are_bounded_by_what_the_plan_leaves_and_make_no_other_deployment(
    left: int, cache: str, checkpoints: str
) -> None:
    made, none = setup(prompt_cache_bytes=left), setup()
    bounds = {"LLAMA_ARG_CACHE_RAM": cache, "LLAMA_ARG_CTX_CHECKPOINTS": checkpoints}
    assert made.environment == {**bounds, "LLAMA_ARG_CORS_ORIGINS": "localhost"}
    assert bounds.keys() < set(LlamaCppServer().not_identifying)
    assert made.command == none.command


def test_speculation_is_a_variable_that_an_older_build_ignores_and_makes_no_other_deployment() -> None:
    off, on = setup(speculation="ngram"), setup(speculation="ngram", speculating=True)
    assert (off.command, on.command) == (setup().command, setup().command)
    variable = {one.environment["LLAMA_ARG_SPEC_TYPE"] for one in (off, on)}
    assert variable == {"none", "ngram-mod"}
    assert "LLAMA_ARG_SPEC_TYPE" in LlamaCppServer().not_identifying
    assert "LLAMA_ARG_SPEC_TYPE" not in setup().environment


@pytest.mark.parametrize(
    ("prefill", "batch"), [(None, 512), (5.0, 128), (64.0, 128), (128.0, 256), (455.0, 512), (9000.0, 2048)]
)
def test_a_batch_is_what_the_board_computes_in_two_seconds(prefill: float | None, batch: int) -> None:
    assert batch_tokens(prefill) == batch
    made = setup(prefill_tokens_per_second=prefill)
    assert (value(made, "--batch-size"), value(made, "--ubatch-size")) == (str(batch), str(batch))


@pytest.mark.parametrize("unknown", [{"weights": None}, {"template": None}, {"template": "sha256:" + "c" * 64}])
def test_without_a_file_and_a_known_template_nothing_is_set_up(unknown: dict[str, Any]) -> None:
    with pytest.raises(InternalError):
        setup(**unknown)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (Layers(weights=WEIGHTS, template=CHATML), None),
        (Layers(), "not known before it is in the store"),
        (Layers(weights="", template=CHATML), "several files"),
        (Layers(weights=WEIGHTS, template=""), "without a chat template"),
        (Layers(weights=WEIGHTS, template="sha256:" + "c" * 64), "the chat template sha256:cccccccccccc is none"),
    ],
)
def test_a_model_that_it_cannot_serve_is_told_with_the_reason(layers: Layers, reason: str | None) -> None:
    found = LlamaCppServer().cannot_serve(layers)
    assert found == reason if reason is None else reason in (found or "")


def test_sampling_and_stop_words_of_a_known_layer_are_the_servers_defaults() -> None:
    plain, sampled = PARAMETERS
    assert "--temp" not in setup(parameters=plain).command
    for parameters in PARAMETERS:
        command = setup(parameters=parameters).command
        stops = [command[n + 1] for n, word in enumerate(command) if word == "--reverse-prompt"]
        assert stops == list(PARAMETERS[parameters].stop) and "<｜User｜>" in stops
    made = setup(parameters=sampled)
    assert (value(made, "--temp"), value(made, "--top-p")) == ("0.6", "0.95")
    assert LlamaCppServer().leaves_out(Layers(weights=WEIGHTS, template=CHATML, parameters=sampled)) == ""


def test_a_layer_of_other_parameters_is_said_not_to_be_read() -> None:
    layers = Layers(weights=WEIGHTS, template=CHATML, parameters="sha256:" + "d" * 64)
    assert "does not read the model's parameters" in LlamaCppServer().leaves_out(layers)
    assert LlamaCppServer().leaves_out(Layers(weights=WEIGHTS, template=CHATML)) == ""
