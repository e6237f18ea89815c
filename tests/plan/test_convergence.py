"""What a deployment that serves, or leftovers of an interrupted run, do to the plan."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from forked_cli import ran

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deployment.plan import CreateContainer, Plan
from jetson_deploy.plan.pins import pinned_by_staging
from jetson_deploy.server.opened import open_server

BOARD = Path(__file__).parent.parent / "hosts" / "orin-nano-8gb-jp6.2" / "root"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BOARD, tmp_path / "root", symlinks=True))


def plan(root: Path, *arguments: str) -> dict[str, Any]:
    done = ran(
        "plan",
        "--json",
        "--root",
        str(root),
        *arguments,
        environment={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def verbs(document: dict[str, Any]) -> list[str]:
    return [step["do"] for step in document["steps"]]


def record(root: Path, *containers: dict[str, Any], **changes: Any) -> None:
    path = root / "recorded" / "engine.json"
    answers = json.loads(path.read_text())
    path.write_text(json.dumps({**answers, "containers": list(containers), **changes}))


def container(document: dict[str, Any], name: str, state: str = "running", **labels: str) -> dict[str, Any]:
    return {
        "Id": name.encode().hex().ljust(64, "0"),
        "Names": [f"/{name}"],
        "Image": document["image"]["reference"],
        "State": state,
        "Labels": {**document["spec"]["labels"], **{f"io.jetson-deploy.{k}": v for k, v in labels.items()}},
    }


def test_a_fresh_host_gets_every_step_in_order(root: Path) -> None:
    assert verbs(plan(root)) == [
        "stage-image",
        "stage-model",
        "pin-model",
        "create-container",
        "remember",
        "start-container",
        "prove",
        "settle",
        "remember",
        "set-restart",
        "rename-container",
        "remember",
        "collect",
    ]


def test_a_converged_host_gets_an_empty_plan(root: Path) -> None:
    fresh = plan(root)
    record(root, container(fresh, "jd-default-1"))
    again = plan(root)
    assert again["steps"] == []
    assert again["container"] == "jd-default-1"


def test_a_deployment_that_serves_keeps_its_model_although_little_memory_is_left(root: Path) -> None:
    fresh = plan(root)
    record(root, container(fresh, "jd-default-1"))
    meminfo = root / "proc" / "meminfo"
    lines = [
        "MemAvailable:     400000 kB" if line.startswith("MemAvailable") else line
        for line in meminfo.read_text().splitlines()
    ]
    meminfo.write_text("\n".join(lines) + "\n")
    again = plan(root)
    assert again["model"]["name"] == fresh["model"]["name"]
    assert again["steps"] == []


def test_flags_of_the_deployment_are_kept_until_another_value_is_asked_for(root: Path) -> None:
    fresh = plan(root, "1.5b", "--accept-cpu", "--parallel", "2")
    record(root, container(fresh, "jd-default-1"))
    assert plan(root)["steps"] == []
    assert plan(root)["accept_cpu"] is True
    assert "create-container" in verbs(plan(root, "--refuse-cpu"))


def test_gates_that_were_asked_for_are_kept_with_the_deployment(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "wanted.yaml"
    file.write_text("gates: {min_gpu_share: 0.9, min_tokens_per_second: 2}\n")
    fresh = plan(root, "-f", str(file))
    record(root, container(fresh, "jd-default-1"))
    again = plan(root)
    assert again["steps"] == []
    assert (again["gates"]["min_gpu_share"], again["gates"]["floor_tokens_per_second"]) == (0.9, 2)
    assert again["sources"]["min_gpu_share"] == "deployed"


def test_the_port_of_the_deployment_is_kept_too(root: Path) -> None:
    fresh = plan(root, "--port", "12000")
    record(root, container(fresh, "jd-default-1"))
    again = plan(root)
    assert (again["steps"], again["endpoint"]) == ([], "http://127.0.0.1:12000")


def test_the_store_of_what_serves_counts_not_the_one_of_an_interrupted_run(root: Path) -> None:
    fresh, other = plan(root, "--store", "/data"), plan(root, "--store", "/mnt/usb")
    left = container(other, "jd-default-2-candidate", revision="2")
    record(root, left, container(fresh, "jd-default-1"))
    assert plan(root)["store"] == "/data"
    record(root, left)
    assert plan(root)["store"] == "/mnt/usb"


@pytest.mark.parametrize("state", ["restarting", "paused", "dead"])
def test_a_deployment_that_cannot_serve_as_it_is_is_replaced(root: Path, state: str) -> None:
    fresh = plan(root)
    record(root, container(fresh, "jd-default-1", state=state))
    again = plan(root)
    assert again["container"] == "jd-default-2"
    assert ("stop-container" in verbs(again)) == (state != "dead")
    assert again["steps"][-1]["keep"] == ["jd-default-2", "jd-default-1"]


IMAGE = ("--image-policy", "dustynv/ollama:0.6.8-r36.4-cu126-22.04")
NO_DIGESTS = {
    "profiles/models/deepseek-r1.yaml": "sizes: {7b: {manifest_digest: null}}",
    "containers/images/dustynv-ollama.yaml": "tags: {0.6.8-r36.4-cu126-22.04: {digest: null}}",
}


def without_digests(directory: Path) -> tuple[str, str]:
    for name, text in NO_DIGESTS.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return "--catalog", str(directory)


def test_digests_that_the_catalog_lacks_are_those_of_the_deployment(root: Path, tmp_path: Path) -> None:
    overlay = without_digests(tmp_path)
    fresh = plan(root, *IMAGE)
    unpinned = plan(root, *IMAGE, *overlay)
    assert unpinned["image"]["digest"] is unpinned["model"]["manifest_digest"] is None
    assert "pinned at the first fetch" in str(unpinned["assumptions"])
    record(root, container(fresh, "jd-default-1"))
    again = plan(root, *overlay)
    assert (again["image"]["reference"], again["steps"]) == (fresh["image"]["reference"], [])
    assert again["gates"]["expect_manifest_digest"] == fresh["model"]["manifest_digest"]


def test_digests_that_staging_found_make_the_plan_that_the_next_run_makes(root: Path, tmp_path: Path) -> None:
    fresh = plan(root, *IMAGE)
    unpinned = msgspec.convert(plan(root, *IMAGE, *without_digests(tmp_path)), Plan)
    pinned = pinned_by_staging(open_server, unpinned, fresh["image"]["digest"], fresh["model"]["manifest_digest"])
    assert pinned.spec.labels == fresh["spec"]["labels"]
    assert msgspec.to_builtins(pinned.gates) == fresh["gates"]
    created = next(step for step in pinned.steps if isinstance(step, CreateContainer))
    assert created.spec == pinned.spec


def test_an_absurd_revision_label_is_not_ours_to_fail_on(root: Path) -> None:
    fresh = plan(root)
    record(root, container(fresh, "jd-default-1", revision="9" * 5000))
    assert plan(root)["schema"] == "jetson-deploy.plan/1"


def test_a_catalog_that_offers_no_size_by_itself_asks_for_a_name(root: Path, tmp_path: Path) -> None:
    sizes = json.loads(msgspec.json.encode(load_catalog().models["deepseek-r1"].sizes))
    overlay = tmp_path / "catalog" / "profiles" / "models"
    overlay.mkdir(parents=True)
    off = ", ".join(f"{tag}: {{automatic: false}}" for tag in sizes)
    (overlay / "deepseek-r1.yaml").write_text(f"sizes: {{{off}}}\n")
    assert plan(root, "--catalog", str(tmp_path / "catalog"))["code"] == "no-automatic-size"


def test_another_model_replaces_the_deployment_and_the_old_one_stops_after_staging(root: Path) -> None:
    fresh = plan(root)
    record(root, container(fresh, "jd-default-1"))
    other = plan(root, "1.5b")
    assert verbs(other) == [
        "stage-image",
        "stage-model",
        "pin-model",
        "create-container",
        "remember",
        "stop-container",
        "start-container",
        "prove",
        "settle",
        "remember",
        "set-restart",
        "set-restart",
        "rename-container",
        "remember",
        "collect",
    ]
    assert other["container"] == "jd-default-2"
    policies = [(s["container"], s["policy"]) for s in other["steps"] if s["do"] == "set-restart"]
    assert policies == [("jd-default-2-candidate", "always"), ("jd-default-1", "no")]


def test_a_candidate_of_an_interrupted_run_is_removed_and_does_not_count_as_the_deployment(root: Path) -> None:
    fresh = plan(root)
    record(root, container(fresh, "jd-default-1"), container(fresh, "jd-default-2-candidate", revision="2"))
    again = plan(root)
    assert verbs(again) == ["remove-container"]
    assert again["steps"][0]["container"] == "jd-default-2-candidate"


def test_the_stopped_one_before_stays_and_older_ones_go(root: Path) -> None:
    fresh = plan(root)
    record(
        root,
        container(fresh, "jd-default-3", revision="3"),
        container(fresh, "jd-default-2", state="exited", revision="2"),
        container(fresh, "jd-default-1", state="exited", revision="1"),
    )
    again = plan(root)
    assert [(s["do"], s["container"]) for s in again["steps"]] == [("remove-container", "jd-default-1")]


def test_a_stopped_deployment_is_started_and_proven_not_made_again(root: Path) -> None:
    fresh = plan(root)
    record(root, container(fresh, "jd-default-1", state="exited"))
    assert verbs(plan(root))[-3:] == ["start-container", "prove", "set-restart"]


def test_an_image_that_the_engine_holds_is_not_staged_again(root: Path) -> None:
    fresh = plan(root)
    reference = fresh["image"]["reference"]
    digest = reference.split(":")[0] + "@" + reference.split("@")[1]
    record(root, images=[{"Id": "sha256:1", "RepoTags": [], "RepoDigests": [digest], "Size": 1}])
    assert "stage-image" not in verbs(plan(root))


def test_a_foreign_container_with_our_name_is_refused_and_not_touched(root: Path) -> None:
    foreign = {"Id": "f" * 64, "Names": ["/jd-default-1"], "Image": "nginx", "State": "running", "Labels": {}}
    record(root, foreign)
    error = plan(root)
    assert (error["code"], error["exit_code"]) == ("name-taken", 3)


def test_a_missing_nvidia_runtime_is_refused_with_the_commands_that_add_it(root: Path) -> None:
    path = root / "recorded" / "engine.json"
    answers = json.loads(path.read_text())
    answers["info"]["Runtimes"] = {"runc": {"path": "runc"}}
    path.write_text(json.dumps(answers))
    error = plan(root)
    assert (error["code"], error["exit_code"]) == ("nvidia-runtime-missing", 3)
    assert "nvidia-ctk runtime configure" in error["hint"]


@pytest.mark.parametrize("problem", ["absent", "stopped", "permission", "hung"])
def test_an_engine_that_does_not_answer_is_refused_with_a_fix(root: Path, problem: str) -> None:
    (root / "recorded" / "engine.json").write_text(json.dumps({"problem": problem}))
    error = plan(root)
    assert (error["code"], error["exit_code"]) == (f"engine-{problem}", 3)
    assert error["hint"]


def test_a_disk_without_room_is_refused_with_need_and_have(root: Path) -> None:
    (root / "recorded" / "disks.json").write_text(
        json.dumps({"/": {"total_bytes": 64 * 10**9, "free_bytes": 12 * 10**9}})
    )
    error = plan(root)
    assert (error["code"], error["exit_code"]) == ("disk-full", 6)
    assert "--store DIR" in error["hint"] and "data-root" in error["hint"]
    # 0.9 GiB margin + the smallest model, 1.0 GiB + twice the image's 5.1 GiB
    assert "need 12.1 GiB, have 11.2 GiB" in error["message"]


@pytest.mark.parametrize("state", ["running", "exited"])
def test_a_deployment_keeps_the_context_that_it_has_where_a_new_one_would_get_more(root: Path, state: str) -> None:
    (root / "proc/meminfo").write_text("MemTotal: 7802736 kB\nMemAvailable: 7200000 kB\nSwapTotal: 0 kB\n")
    before = plan(root, "1.5b", "--context", "4096")
    assert plan(root, "1.5b")["model"]["context_tokens"] > 4096
    record(root, container(before, "jd-default-1", state))
    again = plan(root)
    assert (again["model"]["name"], again["model"]["context_tokens"]) == ("deepseek-r1:1.5b", 4096)
    assert not any(step["do"] == "create-container" for step in again["steps"])


def test_a_cache_that_was_made_smaller_for_the_context_is_kept_and_changes_nothing_more(root: Path) -> None:
    (root / "proc/meminfo").write_text("MemTotal: 7802736 kB\nMemAvailable: 6021120 kB\nSwapTotal: 0 kB\n")
    fresh = plan(root)
    assert (fresh["model"]["name"], fresh["model"]["kv_cache_type"]) == ("deepseek-r1:7b", "q8_0")
    record(root, container(fresh, "jd-default-1"))
    again = plan(root)
    assert (again["model"]["kv_cache_type"], again["model"]["context_tokens"]) == ("q8_0", 4096)
    assert not any(step["do"] == "create-container" for step in again["steps"])
