"""`model prune | remove | list | adopt`, as a person and as a program use them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from filled_store import SEVEN, content_of, put, stray_blob
from holder import holding
from model_command import NAME, Run
from registry_server import Model, blob_file, small_model

ORIN_NANO = Path(__file__).parent.parent / "hosts" / "orin-nano-8gb-jp6.2" / "root"


def write_record(state: Path, store: Path, digest: str | None, deployment: str = "kitchen") -> None:
    record = {
        "schema": "jetson-deploy.state/1",
        "container": f"jd-{deployment}-1",
        "revision": 1,
        "image": "dustynv/ollama:0.6.8",
        "image_id": "sha256:1",
        "image_digest": None,
        "model": NAME,
        "model_digest": digest,
        "spec_hash": "x",
        "store": str(store),
        "accept_cpu": False,
        "simulated": None,
        "proven_at": "2026-01-01T00:00:00+00:00",
        "tokens_per_second": None,
        "gpu_share": None,
        "verdicts": [],
    }
    (state / deployment).mkdir(parents=True)
    (state / deployment / "state.json").write_text(json.dumps(record))


def test_prune_removes_what_no_model_needs(run: Run, store: Path, model: Model) -> None:
    stray = stray_blob(store)
    assert "younger than 3600 s" in run("prune").out
    said = run("prune", "--min-age", "0", "--json")
    assert said.code == 0
    assert said.document["result"] == "done"
    assert [item["path"] for item in said.document["removed"]] == [f"blobs/{stray.name}"]
    assert not stray.exists()


def test_the_old_name_collect_prunes_and_says_the_new_one_once(run: Run, store: Path, model: Model) -> None:
    stray = stray_blob(store)
    said = run("collect", "--min-age", "0", "--json")
    assert (said.code, said.document["result"], stray.exists()) == (0, "done", False)
    assert said.err.count("is now") == 1
    assert "model prune`" in said.err
    assert "collect" not in run("--help").out


def on_a_terminal(*arguments: str, state: Path) -> tuple[int, str]:
    """The command with a terminal as its standard output and error; what a person sees."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "jetson_deploy", "model", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "TERM": "dumb", "JETSON_DEPLOY_STATE_DIR": str(state)}
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # EIO: the other side is closed
        return b""


@pytest.mark.parametrize("verb", [("prune", "--min-age", "0"), ("remove", NAME)])
def test_on_a_terminal_it_is_shown_first_and_done_with_yes(
    verb: tuple[str, ...], store: Path, state: Path, model: Model
) -> None:
    stray_blob(store)
    before = content_of(store)
    code, shown = on_a_terminal(*verb, "--store", str(store), state=state)
    assert code == 0
    assert "would remove: " in shown
    assert f"--store {store} --yes removes" in shown
    assert content_of(store) == before
    code, shown = on_a_terminal(*verb, "--store", str(store), "--yes", state=state)
    assert (code, "\nremoved: " in shown) == (0, True)
    assert len(content_of(store)) < len(before)


def test_prune_keeps_the_revision_of_every_deployment(run: Run, store: Path, state: Path, model: Model) -> None:
    kept = store / ".jetson-deploy/kept" / model.digest
    kept.parent.mkdir(parents=True)
    (store / "manifests" / SEVEN).replace(kept)
    write_record(state, store, model.digest)
    assert run("prune", "--min-age", "0").out.endswith(f"nothing to remove in {store}\n")
    (state / "kitchen/state.json").unlink()
    assert run("prune", "--min-age", "0", "--json").document["freed_bytes"] == model.size + len(model.manifest)


@pytest.mark.parametrize("verb", [("prune", "--min-age", "0"), ("remove", NAME)])
def test_nothing_goes_while_a_deployments_record_cannot_be_read(
    verb: tuple[str, ...], run: Run, store: Path, state: Path, model: Model
) -> None:
    stray_blob(store)
    before = content_of(store)
    (state / "kitchen").mkdir(parents=True)
    (state / "kitchen/state.json").write_text("{")
    said = run(*verb)
    assert said.code == 3
    assert f"{state}/kitchen/state.json" in said.err
    assert content_of(store) == before


def test_a_model_of_a_deployment_is_not_removed(run: Run, store: Path, state: Path, model: Model) -> None:
    write_record(state, store, model.digest)
    said = run("remove", NAME)
    assert said.code == 1
    assert "belongs to deployment 'kitchen'" in said.err
    assert "down --name kitchen --purge" in said.err
    assert run("verify", NAME).code == 0


def test_a_model_of_the_same_name_in_another_store_is_nobodys(run: Run, store: Path, state: Path, model: Model) -> None:
    write_record(state, store.parent / "elsewhere", model.digest)
    assert run("remove", NAME).code == 0


def test_a_model_that_a_process_reads_is_not_removed(run: Run, store: Path, model: Model) -> None:
    with holding("open", blob_file(store, model.largest)) as pid:
        said = run("remove", NAME)
    assert said.code == 1
    assert f"(pid {pid}) has blobs/{blob_file(store, model.largest).name} open" in said.err


def test_a_removed_model_is_gone_with_what_it_alone_needs(run: Run, store: Path, model: Model) -> None:
    other = put(store, small_model(seed=2), "registry.ollama.ai/library/other/1")
    said = run("remove", NAME, "--json")
    assert said.document["manifest_digest"] == model.digest
    assert said.document["freed_bytes"] == 300_000
    assert [item["why"] for item in said.document["kept"]] == ["another model or a kept revision needs it"] * 4
    assert run("verify").code == 0
    assert [m["name"] for m in run("list", "--json").document["models"]] == ["other:1"]
    assert blob_file(store, other.largest).exists()


def test_list_says_what_is_here_and_why_it_fits_this_board(run: Run, model: Model) -> None:
    said = run("list", "--root", str(ORIN_NANO))
    head, row = said.out.splitlines()
    assert head.split()[:4] == ["NAME", "DIGEST", "SIZE", "STATE"]
    assert row.split()[:7] == [NAME, model.digest[:12], "295", "KiB", "not", "verified", "qwen2"]
    assert "yes: needs " in row
    assert " at a context of 4096, " in row


def test_the_document_of_list_tells_unknown_from_no(run: Run, store: Path, model: Model) -> None:
    put(store, model, "registry.ollama.ai/library/somebodys/1")
    known, unknown = run("list", "--root", str(ORIN_NANO), "--json").document["models"]
    assert (known["fit"]["fits"], known["fit"]["according_to"]) == (True, "catalog by name")
    assert (unknown["fit"]["fits"], unknown["fit"]["why"]) == (None, "its model file is no GGUF")
    assert (unknown["context_limit"], unknown["parameters"], unknown["quantization"]) == (None, "7.6B", "Q4_K_M")


def test_list_asks_the_engine_what_the_deployment_occupies_and_lives_without_it(
    run: Run, store: Path, state: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(state, store, model.digest, "default")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{state}/no-such.sock")
    assert run("list", "--json").document["models"][0]["fit"]["fits"] is not None


def test_list_tells_verified_from_incomplete(run: Run, store: Path, model: Model) -> None:
    assert run("verify").code == 0
    assert run("list", "--json").document["models"][0]["state"] == "verified"
    blob_file(store, model.largest).unlink()
    listed = run("list", "--json").document["models"][0]
    assert (listed["state"], listed["missing_bytes"]) == ("incomplete", 300_000)


def test_list_names_manifests_that_cannot_be_read(run: Run, store: Path, model: Model) -> None:
    (store / "manifests" / SEVEN).with_name("8b").write_text("{")
    said = run("list")
    assert said.code == 0
    assert "damaged: manifests/registry.ollama.ai/library/deepseek-r1/8b: " in said.out


@pytest.mark.parametrize("exists", [True, False])
def test_an_empty_store_and_none_list_nothing(exists: bool, run: Run, store: Path) -> None:
    if exists:
        store.mkdir()
    said = run("list")
    assert (said.code, said.out.startswith("no model")) == (0, True)
    assert run("list", "--json").document["models"] == []


def test_adopt_puts_on_record_what_ollama_left_and_touches_nothing(run: Run, store: Path, model: Model) -> None:
    (store / "blobs" / f"sha256-{'a' * 64}-partial-0").write_bytes(b"half")
    before = content_of(store)
    said = run("adopt")
    assert said.code == 0
    assert said.out.endswith(f"next: jetson-deploy up --store {store}\n")
    assert f"whole  {NAME}" in said.out
    assert content_of(store) == before
    assert run("list", "--json").document["models"][0]["state"] == "verified"


def test_adopt_hashes_only_what_changed_since(run: Run, store: Path, model: Model) -> None:
    assert run("adopt", "--json").document["hashed_bytes"] == model.size
    assert run("adopt", "--json").document["hashed_bytes"] == 0
    blob_file(store, model.largest).touch()
    assert run("adopt", "--json").document["hashed_bytes"] == 300_000


def test_adopt_tells_models_that_are_not_whole(run: Run, store: Path, model: Model) -> None:
    put(store, small_model(seed=2), "registry.ollama.ai/library/other/1")
    blob_file(store, model.largest).unlink()
    said = run("adopt")
    assert said.code == 1
    assert f"NOT WHOLE  {NAME}" in said.out
    assert "whole      other:1" in said.out
    assert "--repair" in said.err


def test_what_adopt_makes_belongs_to_the_stores_owner(run: Run, store: Path, model: Model) -> None:
    owner = 64_001 if os.geteuid() == 0 else os.geteuid()
    if os.geteuid() == 0:
        os.chown(store, owner, owner)
    assert run("adopt").code == 0
    ours = [store / ".jetson-deploy", *(store / ".jetson-deploy").rglob("*")]
    assert len(ours) > 3
    assert {path.stat().st_uid for path in ours} == {owner}
