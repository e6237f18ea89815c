"""What a user adds or changes by a file alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.layers import user_config_dir
from jetson_deploy.catalog.load import load_catalog, load_issues

BOARD = """\
id: orin-nano-12gb
name: Jetson Orin Nano 12GB
family: orin-nano
part_numbers: [p3767-0009]
soc: tegra234
compatible: ["nvidia,p3768-0000+p3767-0009"]
ram_gb: 12
compute_capability: "8.7"
cuda_cores: 1024
bandwidth_gbs: {default: 68}
jetpack: ["6"]
ollama_payloads: [jetpack6]
source: [my desk]
confidence: reported
"""
TAG = """\
tags:
  0.12.6-r36.4-cu126-22.04:
    digest: null
    size_bytes: null
    l4t: [{from: "36.4", below: "37"}]
    payloads: [jetpack6]
    cuda: "12.6"
    ubuntu: "22.04"
    generation: g5
    ollama: {version: 0.12.6, confidence: reported}
    source: [my desk]
    confidence: reported
"""
SIZE = """\
sizes:
  3b-mine:
    parameters: 3000000000
    quantization: Q4_K_M
    download_bytes: 2000000000
    model_layer: {size: 1999990000, digest: null}
    architecture: qwen2
    layers: 36
    heads: 16
    kv_heads: 2
    head_dim: 128
    embedding_length: 2048
    feed_forward_length: 11008
    vocabulary: 151936
    context_length: 32768
    kv_bytes_per_token_f16: 36864
    gpu_weight_bytes: 1800000000
    min_ollama: 0.5.13
    source: [my desk]
    confidence: reported
"""
LINE = """\
major: 40
jetpack: "8"
ubuntu: null
kernel: null
cuda: {"40.0": "14.0"}
socs: [tegra264]
compute_capabilities: ["11.0"]
ollama_payload: cuda_v13
source: [my desk]
confidence: reported
releases: {40.1.0: {jetpack: "8.0", source: [my desk], confidence: reported}}
"""


def test_a_board_is_added_by_a_file(load: Any, overlay: Any, built_in: Catalog) -> None:
    catalog = load(overlay({"profiles/boards/orin-nano-12gb.yaml": BOARD}))
    assert catalog.boards["orin-nano-12gb"].ram_gb == 12
    assert len(catalog.boards) == len(built_in.boards) + 1


def test_an_l4t_release_is_added_by_a_file(load: Any, overlay: Any, built_in: Catalog) -> None:
    text = "releases: {36.6.0: {jetpack: 6.2.3, source: [my desk], confidence: reported}}\n"
    catalog = load(overlay({"profiles/l4t/r36.yaml": text}))
    assert catalog.release_of("36.6").jetpack == "6.2.3"
    assert len(catalog.l4t[36].releases) == len(built_in.l4t[36].releases) + 1


def test_an_l4t_line_is_added_by_a_file(load: Any, overlay: Any) -> None:
    catalog = load(overlay({"profiles/l4t/r40.yaml": LINE}))
    assert catalog.cuda_of("40.1.0") == "14.0"
    assert catalog.release_of("40.1").jetpack == "8.0"


def test_an_image_tag_is_added_by_a_file(load: Any, overlay: Any, built_in: Catalog) -> None:
    catalog = load(overlay({"containers/images/dustynv-ollama.yaml": TAG}))
    tags = catalog.images["dustynv/ollama"].tags
    assert tags["0.12.6-r36.4-cu126-22.04"].ollama.version == "0.12.6"
    assert len(tags) == len(built_in.images["dustynv/ollama"].tags) + 1


def test_a_model_size_is_added_by_a_file(load: Any, overlay: Any, built_in: Catalog) -> None:
    catalog = load(overlay({"profiles/models/deepseek-r1.yaml": SIZE}))
    sizes = catalog.models["deepseek-r1"].sizes
    assert sizes["3b-mine"].layers == 36
    assert len(sizes) == len(built_in.models["deepseek-r1"].sizes) + 1


def test_an_image_repository_is_added_by_a_file(load: Any, overlay: Any) -> None:
    head = "repository: registry.example.com:5000/me/ollama\nrank: 4\nsource: [me]\nconfidence: reported\n"
    catalog = load(overlay({"containers/images/registry-me-ollama.yaml": head + TAG}))
    assert "registry.example.com:5000/me/ollama" in catalog.images


def test_a_tag_may_use_a_generation_of_the_same_overlay(load: Any, overlay: Any, built_in: Catalog) -> None:
    mine = msgspec.to_builtins(built_in.generations["g5"])
    files = {
        "containers/generations.yaml": f"g6: {msgspec.json.encode(mine).decode()}\n",
        "containers/images/dustynv-ollama.yaml": TAG.replace("g5", "g6"),
    }
    catalog = load(overlay(files))
    assert catalog.images["dustynv/ollama"].tags["0.12.6-r36.4-cu126-22.04"].generation == "g6"


def test_an_image_that_is_not_real_is_added_by_a_file(load: Any, overlay: Any) -> None:
    text = "example/ollama:9.*: {why: never pushed, source: [me], confidence: reported}\n"
    catalog = load(overlay({"containers/not-real.yaml": text}))
    assert catalog.why_not_real("example/ollama:9.1").why == "never pushed"


def test_an_issue_is_added_by_a_file(nowhere: Path, overlay: Any) -> None:
    text = (
        "id: mine\ntitle: My own\nphase: serve\nseverity: warn\nsymptoms: ['my (log|line)']\nfix: [turn it off]\n"
        "source: [me]\nconfidence: reported\n"
    )
    issues = load_issues([overlay({"profiles/issues/mine.yaml": text})], system_dir=nowhere, user_dir=nowhere)
    assert issues["mine"].symptoms == ("my (log|line)",)


def test_one_changed_key_leaves_the_rest_of_an_entry(load: Any, overlay: Any, built_in: Catalog) -> None:
    catalog = load(overlay({"profiles/boards/orin-nano-8gb.yaml": "bandwidth_gbs: {super: 110}\n"}))
    before, after = built_in.boards["orin-nano-8gb"], catalog.boards["orin-nano-8gb"]
    assert after.bandwidth_gbs.super == 110
    assert after.bandwidth_gbs.default == before.bandwidth_gbs.default
    assert msgspec.structs.replace(after, bandwidth_gbs=before.bandwidth_gbs) == before


def test_one_changed_key_of_a_size_leaves_the_other_sizes(load: Any, overlay: Any, built_in: Catalog) -> None:
    catalog = load(overlay({"profiles/models/deepseek-r1.yaml": "sizes: {7b: {automatic: false}}\n"}))
    before, after = built_in.models["deepseek-r1"].sizes, catalog.models["deepseek-r1"].sizes
    assert [tag for tag in before if before[tag] != after[tag]] == ["7b"]
    assert not after["7b"].automatic


def test_a_constant_is_changed_by_a_file(load: Any, overlay: Any) -> None:
    catalog = load(overlay({"profiles/limits.yaml": "host_reserve_bytes: {value: 1}\n"}))
    assert catalog.limits["host_reserve_bytes"].value == 1
    assert catalog.limits["host_reserve_bytes"].unit == "bytes"


def test_a_list_is_replaced_not_joined(load: Any, overlay: Any) -> None:
    catalog = load(overlay({"profiles/boards/orin-nano-8gb.yaml": "jetpack: ['6']\n"}))
    assert catalog.boards["orin-nano-8gb"].jetpack == ("6",)


def test_later_layers_win(load: Any, overlay: Any) -> None:
    def named(layer: str) -> Path:
        path: Path = overlay({"profiles/boards/tx1.yaml": f"name: {layer}\n"}, layer)
        return path

    system, user, first, second = (named(n) for n in ("system", "user", "first", "second"))
    assert load(system=system).boards["tx1"].name == "system"
    assert load(system=system, user=user).boards["tx1"].name == "user"
    assert load(first, system=system, user=user).boards["tx1"].name == "first"
    assert load(first, second, system=system, user=user).boards["tx1"].name == "second"
    assert load(second, first, system=system, user=user).boards["tx1"].name == "first"


def test_an_empty_overlay_file_changes_nothing(load: Any, overlay: Any, built_in: Catalog) -> None:
    files = {"profiles/boards/tx1.yaml": "# nothing yet\n", "containers/advisories.yaml": ""}
    assert load(overlay(files)) == built_in


def test_a_configuration_directory_that_holds_something_else_is_passed_over(
    load: Any, tmp_path: Path, built_in: Catalog
) -> None:
    (tmp_path / "settings.txt").write_text("x")
    assert load(system=tmp_path, user=tmp_path) == built_in


def test_files_that_are_no_yaml_are_passed_over(load: Any, overlay: Any, built_in: Catalog) -> None:
    files = {"profiles/boards/README.md": "[", "profiles/boards/.tx1.yaml.swp": "[", "profiles/NOTES.txt": "["}
    assert load(overlay(files)) == built_in


def test_yaml_words_that_look_like_text_stay_text(load: Any, overlay: Any) -> None:
    catalog = load(overlay({"profiles/boards/tx1.yaml": "name: no\nsoc: 12:30\nnote: 2025-01-30\n"}))
    board = catalog.boards["tx1"]
    assert (board.name, board.soc, board.note) == ("no", "12:30", "2025-01-30")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/jetson-deploy"),
        ({"HOME": "/h"}, "/h/.config/jetson-deploy"),
        ({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/jetson-deploy"),
        ({}, None),
    ],
)
def test_the_users_directory_follows_xdg(environ: dict[str, str], expected: str | None) -> None:
    assert user_config_dir(environ) == (Path(expected) if expected else None)


def test_overlays_may_be_given_to_both_loaders_alike(nowhere: Path, overlay: Any) -> None:
    directory = overlay({"profiles/issues/oom-killer.yaml": "title: Out of memory\n"})
    catalog = load_catalog([directory], system_dir=nowhere, user_dir=nowhere)
    assert len(catalog.boards) == 25
    issues = load_issues([directory], system_dir=nowhere, user_dir=nowhere)
    assert issues["oom-killer"].title == "Out of memory"
