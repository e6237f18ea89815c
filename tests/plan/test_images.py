"""Which image: the rules that the usual matchers get wrong, asked through the command line."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from forked_cli import ran

HOSTS = Path(__file__).parent.parent / "hosts"


def ask(host: str, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    done = ran(
        "plan",
        "--json",
        "--root",
        str(HOSTS / host / "root"),
        *arguments,
        environment={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environment or {})},
    )
    return done.returncode, json.loads(done.stdout)


def chosen(host: str, *arguments: str) -> str:
    code, plan = ask(host, *arguments)
    assert code == 0, plan
    return str(plan["image"]["reference"])


def refusal(plan: dict[str, Any], part: str) -> str:
    reasons = [r["reason"] for r in plan["image"]["rejected"] if part in r["reference"]]
    assert reasons, f"{part} is neither chosen nor rejected"
    return str(reasons[0])


def test_a_thor_is_never_given_an_r36_image() -> None:
    _, plan = ask("thor-t5000-jp7")
    assert "made for L4T 36.4" in refusal(plan, "0.6.8-r36.4-cu126")
    assert plan["image"]["reference"].startswith("ghcr.io/nvidia-ai-iot/ollama")


def test_jetpack_6_0_is_not_given_an_r36_4_image() -> None:
    _, plan = ask("agx-orin-32gb-jp6.0")
    assert "made for L4T 36.4" in refusal(plan, "0.6.8-r36.4-cu126")


def test_jetpack_5_gets_upstream_and_is_told_its_jetpack() -> None:
    _, plan = ask("agx-orin-32gb-jp5.1")
    assert plan["image"]["reference"].startswith("ollama/ollama:")
    assert plan["spec"]["environment"]["JETSON_JETPACK"] == "5"


def test_jetpack_7_leaves_the_jetpack_variable_unset() -> None:
    code, plan = ask("orin-nano-8gb-jp7.2", "1.5b", "--image-policy", "secure")
    assert code == 0
    assert plan["image"]["reference"].startswith("ollama/ollama:")
    assert "JETSON_JETPACK" not in plan["spec"]["environment"]


def test_an_image_with_a_newer_cuda_than_the_driver_is_ranked_behind() -> None:
    _, plan = ask("orin-nano-8gb-jp6.2")
    assert "CUDA 12.9" in refusal(plan, "r36.4-cu129-24.04")


def test_the_secure_policy_prefers_an_image_without_known_advisories() -> None:
    _, plan = ask("orin-nano-8gb-jp6.2", "--image-policy", "secure")
    assert plan["image"]["advisories"] == []
    assert "advisories" in refusal(plan, "0.6.8-r36.4-cu126")


def test_every_candidate_is_either_chosen_or_rejected_with_a_reason() -> None:
    _, plan = ask("orin-nano-8gb-jp6.2")
    assert len(plan["image"]["rejected"]) >= 16
    assert all(r["reason"] for r in plan["image"]["rejected"])


def test_a_tag_that_was_never_published_is_refused_by_name() -> None:
    code, error = ask("orin-nano-8gb-jp6.2", "--image-policy", "dustynv/ollama:0.18.4-r36.4-cu126-22.04")
    assert code == 2
    assert "does not exist" in error["message"]


def test_a_listed_image_that_cannot_serve_here_is_refused_with_the_reason() -> None:
    code, error = ask("thor-t5000-jp7", "--image-policy", "dustynv/ollama:0.6.8-r36.4-cu126-22.04")
    assert code == 3
    assert "made for L4T 36.4" in error["message"]


@pytest.mark.parametrize("prefix", ["", "docker.io/", "index.docker.io/"])
@pytest.mark.parametrize(("tag", "code"), [("r35.4.1", 3), ("0.18.4-r36.4-cu126-22.04", 2), ("0.5.7-r36.4.0", 3)])
def test_docker_hub_s_own_name_does_not_get_around_the_rules(prefix: str, tag: str, code: int) -> None:
    assert ask("orin-nano-8gb-jp6.2", "--image-policy", f"{prefix}dustynv/ollama:{tag}")[0] == code


def test_a_listed_image_named_by_its_digest_alone_is_known() -> None:
    digest = "sha256:1757551911673eedf24a8c29768475bf8efc72e498194fde4a17c503c79231bc"
    _, plan = ask("orin-nano-8gb-jp6.2", "--image-policy", f"dustynv/ollama@{digest}")
    assert plan["image"]["ollama_version"] == "0.6.8"


@pytest.mark.parametrize("tag", ["latest-jetson-orin", "gemma4-jetson-orin"])
def test_an_image_of_another_server_is_refused_by_what_it_holds_also_with_a_tag_of_no_list(tag: str) -> None:
    image = f"ghcr.io/nvidia-ai-iot/llama_cpp:{tag}"
    code, error = ask("orin-nano-8gb-jp6.2", "--image-policy", image)
    assert (code, error["code"]) == (3, "image-does-not-fit")
    assert "holds llama.cpp, not Ollama" in error["message"]


def test_an_image_of_another_server_is_no_candidate() -> None:
    _, plan = ask("agx-orin-64gb-jp6.2.1")
    named = [plan["image"]["reference"], *(r["reference"] for r in plan["image"]["rejected"])]
    assert len(named) > 5
    assert not [one for one in named if "llama_cpp" in one]


@pytest.mark.parametrize("policy", ["securre", "r36.4", "dusty"])
def test_a_misspelt_policy_is_not_taken_for_an_image(policy: str) -> None:
    code, error = ask("orin-nano-8gb-jp6.2", "--image-policy", policy)
    assert (code, "dustynv, secure" in error["hint"]) == (2, True)


def test_an_image_too_old_to_heed_the_context_is_not_chosen() -> None:
    _, plan = ask("agx-orin-32gb-jp6.0", "8b-llama-distill-q4_K_M")
    assert "0.5.13" in refusal(plan, "r36.2.0")


def test_a_release_of_another_chip_s_line_is_refused_and_said(tmp_path: Path) -> None:
    root = Path(shutil.copytree(HOSTS / "orin-nano-8gb-jp6.2" / "root", tmp_path / "root", symlinks=True))
    (root / "etc/nv_tegra_release").write_text(
        "# R38 (release), REVISION: 4.0, GCID: 1, BOARD: generic, EABI: aarch64\n"
    )
    code, error = ask(str(root.parent))
    assert code == 3
    assert "not made for this board's tegra234" in error["hint"]


def test_what_detect_found_odd_is_among_the_plan_s_warnings() -> None:
    _, plan = ask("orin-nano-8gb-half-upgraded")
    assert any("half-upgraded" in text for text in plan["warnings"])


def test_an_old_board_is_told_the_newer_jetpack_that_it_runs() -> None:
    assert "JetPack 5.1 (L4T 35) too: flash" in ask("xavier-nx-8gb-jp4.6.1")[1]["hint"]
    assert "a board that runs JetPack 5.1 or newer" in ask("nano-4gb-jp4.6.4")[1]["hint"]


def test_an_advisory_counts_up_to_the_version_it_was_reported_on() -> None:
    _, old = ask("orin-nano-8gb-jp6.2")
    assert {"CVE-2025-66959", "CVE-2026-7482"} <= set(old["image"]["advisories"])
    assert "CVE-2024-12055" not in old["image"]["advisories"]
    assert old["image"]["advisories"][0] == "CVE-2026-7482", "the most severe comes first"


def test_an_image_that_the_catalog_does_not_know_is_taken_at_the_user_s_word() -> None:
    code, plan = ask("orin-nano-8gb-jp6.2", "--image-policy", "registry.example:5000/mine/ollama:1")
    assert code == 0
    assert plan["image"]["reference"] == "registry.example:5000/mine/ollama:1"
    assert any("digest" in a for a in plan["assumptions"])


def test_a_mirror_serves_every_image_under_its_own_path() -> None:
    mirror = {"JETSON_DEPLOY_IMAGE_REGISTRY": "mirror.example:5000"}
    _, plan = ask("thor-t5000-jp7", environment=mirror)
    assert plan["image"]["reference"].startswith("mirror.example:5000/nvidia-ai-iot/ollama:")


def test_an_overlay_can_add_an_image_by_a_file_alone(tmp_path: Path) -> None:
    folder = tmp_path / "containers" / "images"
    folder.mkdir(parents=True)
    (folder / "dustynv-ollama.yaml").write_text(
        """
tags:
  9.9.9-r36.4:
    digest: sha256:{digest}
    size_bytes: 1000
    l4t: [{{from: "36.4", below: "37"}}]
    payloads: [jetpack6]
    cuda: "12.6"
    ubuntu: "22.04"
    generation: g5
    ollama: {{version: 9.9.9, confidence: verified}}
    source: [a test]
    confidence: reported
""".format(digest="a" * 64)
    )
    assert chosen("orin-nano-8gb-jp6.2", "--catalog", str(tmp_path)).startswith("dustynv/ollama:9.9.9-r36.4@sha256:aaa")
