"""`model verify`, as a person and as a program use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filled_store import SEVEN, content_of, put, rot, stray_blob
from model_command import NAME, Run
from registry_server import Model, RegistryServer, blob_file, small_model


def test_verify_of_a_whole_store_says_how_much_was_hashed(run: Run, model: Model) -> None:
    said = run("verify")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("all right: 1 model, 5 blobs, ")


def test_verify_names_what_is_wrong_and_how_it_is_mended(run: Run, store: Path, model: Model) -> None:
    rot(blob_file(store, model.largest))
    said = run("verify")
    assert said.code == 1
    assert f"altered: blobs/{model.largest.replace(':', '-')}: sha256:" in said.out
    assert f"(expected: {model.largest}), needed by {NAME}" in said.out
    assert f"DAMAGED: not whole: {NAME}" in said.out
    assert "--repair" in said.err


def test_the_document_of_verify_counts_every_kind_of_finding(run: Run, store: Path, model: Model) -> None:
    blob_file(store, model.largest).unlink()
    stray_blob(store)
    said = run("verify", "--json")
    document = said.document
    assert said.code == 1
    assert (document["schema"], document["all_right"]) == ("jetson-deploy.verify/1", False)
    assert {kind: number for kind, number in document["counts"].items() if number} == {"missing": 1, "unreferenced": 1}
    assert document["findings"][0] == {
        "kind": "missing",
        "path": f"blobs/{blob_file(store, model.largest).name}",
        "blob": model.largest,
        "models": [NAME],
        "observed": "absent",
        "expected": "300000 bytes",
    }
    assert document["hashed_bytes"] == model.size - 300_000


def test_the_events_of_verify_end_with_the_exit_code(run: Run, store: Path, model: Model) -> None:
    blob_file(store, model.largest).unlink()
    lines = [json.loads(line) for line in run("verify", "--events").out.splitlines()]
    assert lines[-2]["schema"] == "jetson-deploy.verify/1"
    assert (lines[-1]["event"], lines[-1]["exit_code"], lines[-1]["result"]) == ("finished", 1, "damaged")


def test_ctrl_c_ends_it_within_a_moment(store: Path, state: Path, model: Model) -> None:
    """A blob of 1 TiB of zeros takes half an hour."""
    large = model.manifest.replace(b'"size":300000', f'"size":{1 << 40}'.encode())
    (store / "manifests" / SEVEN).write_bytes(large)
    os.truncate(blob_file(store, model.largest), 1 << 40)
    command = [sys.executable, "-m", "jetson_deploy", "model", "verify", "--store", str(store), "--events"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise AssertionError("no pipe")
        assert '"progress"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["result"] == "interrupted"
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", ["verify", "remove"])
@pytest.mark.parametrize(
    ("asked", "meant"), [("deepseek-r1:8b", NAME), ("deepseek:7b", NAME), ("zzz", "model list --store")]
)
def test_a_model_that_is_not_here_is_told_with_the_nearest(
    verb: str, asked: str, meant: str, run: Run, model: Model
) -> None:
    said = run(verb, asked)
    assert said.code == 1
    assert "there is no model" in said.err
    assert meant in said.err


def test_a_model_is_found_by_its_size_alone_and_in_any_case(run: Run, model: Model) -> None:
    assert run("verify", "7b").code == run("verify", "DeepSeek-R1:7B").code == 0


@pytest.mark.parametrize("verb", ["verify", "prune", "adopt"])
def test_a_store_that_is_not_there_is_exit_3(verb: str, run: Run) -> None:
    said = run(verb)
    assert said.code == 3
    assert "--store DIR" in said.err


@pytest.mark.fault("F9")
def test_repair_fetches_only_what_is_wrong(run: Run, store: Path, model: Model, registry: RegistryServer) -> None:
    rot(blob_file(store, model.largest))
    small = min(model.blobs, key=lambda digest: len(model.blobs[digest]))
    blob_file(store, small).unlink()
    said = run("verify", "--repair", "--registry", registry.url, "--json")
    assert said.code == 0, said
    assert said.document["repaired"] == [NAME]
    assert said.document["findings"] == []
    assert set(registry.blob_requests()) == {model.largest, small}
    assert content_of(store).keys() == {f"manifests/{SEVEN}"} | {f"blobs/{d.replace(':', '-')}" for d in model.blobs}
    assert blob_file(store, model.largest).read_bytes() == model.blobs[model.largest]


def test_repair_does_not_believe_the_record_of_what_has_rotted(
    run: Run, store: Path, model: Model, registry: RegistryServer
) -> None:
    assert run("verify").code == 0
    rot(blob_file(store, model.largest))
    assert run("verify", "--repair", "--registry", registry.url).code == 0
    assert blob_file(store, model.largest).read_bytes() == model.blobs[model.largest]


@pytest.mark.fault("F9")
def test_repair_of_a_damaged_manifest_takes_the_catalogs_digest(
    run: Run, store: Path, model: Model, registry: RegistryServer
) -> None:
    """The registry's manifest is not the catalog's: it is refused."""
    (store / "manifests" / SEVEN).write_bytes(b"{")
    said = run("verify", "--repair", "--registry", registry.url)
    assert said.code == 5
    assert f"not repaired: {NAME}" in said.out
    assert "755ced02ce7b" in said.out


def test_repair_of_a_damaged_manifest_that_is_on_no_record_says_so(
    run: Run, store: Path, model: Model, registry: RegistryServer
) -> None:
    put(store, model, "registry.ollama.ai/library/mine/1")
    registry.add("library/mine:1", model)
    (store / "manifests/registry.ollama.ai/library/mine/1").write_bytes(b"{")
    said = run("verify", "--repair", "--registry", registry.url)
    assert said.code == 0, said
    assert "on record nowhere" in said.err
    assert (store / "manifests/registry.ollama.ai/library/mine/1").read_bytes() == model.manifest


def test_one_model_that_cannot_be_had_does_not_end_the_repair_of_the_others(
    run: Run, store: Path, model: Model, registry: RegistryServer
) -> None:
    other = put(store, small_model(seed=2), "registry.ollama.ai/library/another/1")
    for one in (model, other):
        blob_file(store, one.largest).unlink()
    said = run("verify", "--repair", "--registry", registry.url, "--json")
    assert said.code == 4
    assert said.document["repaired"] == [NAME]
    assert [failed["model"] for failed in said.document["not_repaired"]] == ["another:1"]


def test_a_directory_in_a_blobs_place_is_for_the_user_to_move(
    run: Run, store: Path, model: Model, registry: RegistryServer
) -> None:
    path = blob_file(store, model.largest)
    path.unlink()
    path.mkdir()
    said = run("verify", "--repair", "--registry", registry.url)
    assert said.code == 3
    assert f"move blobs/{path.name} out of the store" in said.err
    assert path.is_dir()
