"""`model export`: one model in one tar, whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest
from bundles import MANIFEST, NAME, exported, tiny_model, tree, write_store
from registry_server import Model, blob_file, small_model

from jetson_deploy.events import Event, Progress, silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.bundle.export import export_model
from jetson_deploy.store.bundle.layout import member_header
from jetson_deploy.store.bundle.tar_members import read_members

MODEL = tiny_model()
GOLDEN = "8a2e2021dbec932cf967cba190756c98b270dd880c406c348307d97691f6b1d5"
"""sha256 of the tar of MODEL: the same on every machine, at any time, with every Python."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "store", MODEL)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "model.tar"


def test_the_tar_is_the_same_byte_for_byte_wherever_and_whenever_it_is_made(store: Path, file: Path) -> None:
    done = exported(store, file)
    assert done.code == 0, done.err
    assert hashlib.sha256(file.read_bytes()).hexdigest() == GOLDEN
    assert done.document == {
        "schema": "jetson-deploy.export/1",
        "result": "done",
        "name": NAME,
        "file": str(file),
        "store": str(store),
        "manifest_digest": MODEL.digest,
        "model_bytes": MODEL.size,
        "written_bytes": file.stat().st_size,
    }


def test_the_tar_holds_an_image_layout_with_the_manifest_as_it_was(store: Path, file: Path) -> None:
    exported(store, file)
    with tarfile.open(file) as tar:
        read = {member.name: tar.extractfile(member) for member in tar}
        contents = {name: member.read() for name, member in read.items() if member is not None}
    assert json.loads(contents.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(contents.pop("index.json"))["manifests"]
    assert entry == {
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "digest": f"sha256:{MODEL.digest}",
        "size": len(MODEL.manifest),
        "annotations": {"org.opencontainers.image.ref.name": NAME},
    }
    assert contents.pop(f"blobs/sha256/{MODEL.digest}") == MODEL.manifest
    assert {name.replace("blobs/sha256/", "sha256:"): content for name, content in contents.items()} == MODEL.blobs


def test_the_store_is_only_read(store: Path, file: Path) -> None:
    before = tree(store)
    assert exported(store, file).code == 0
    assert tree(store) == before


def test_blobs_of_any_length_around_the_pieces_come_out_whole(tmp_path: Path) -> None:
    for size in (0, 1, 511, 512, 513, (1 << 20) - 1, 1 << 20, (2 << 20) + 7):
        model = small_model(size, seed=size)
        store, file = write_store(tmp_path / f"store{size}", model), tmp_path / f"{size}.tar"
        assert exported(store, file).code == 0
        with tarfile.open(file) as tar:
            weights = tar.extractfile(f"blobs/{model.largest.replace(':', '/')}")
            assert weights is not None
            assert weights.read() == model.blobs[model.largest]


def test_a_size_over_8_gib_stands_in_the_header(tmp_path: Path) -> None:
    path, size = tmp_path / "large.tar", 9 << 30
    header = member_header("blobs/sha256/" + "0" * 64, size)
    path.write_bytes(header)
    os.truncate(path, len(header) + size + 1024)
    with tarfile.open(path) as tar:
        assert [member.size for member in tar] == [size]
    with path.open("rb") as large:
        assert [(m.start, m.size) for m in read_members(large.fileno(), path.stat().st_size)] == [(len(header), size)]


def altered(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def shortened(content: bytes) -> bytes:
    return content[:-1]


SPOILT = {"its bytes have sha256:": altered, "bytes, not": shortened}


@pytest.mark.parametrize("why", SPOILT)
def test_a_wrong_blob_is_named_and_nothing_is_left(store: Path, file: Path, why: str) -> None:
    for digest, content in MODEL.blobs.items():
        blob_file(store, digest).write_bytes(SPOILT[why](content))
        done = exported(store, file)
        assert (done.code, done.document["code"]) == (5, "blob-wrong")
        assert f"blob {digest} of {NAME}" in done.err
        assert why in done.err
        assert list(file.parent.iterdir()) == []
        blob_file(store, digest).write_bytes(content)


def test_a_missing_blob_is_named_before_anything_is_written(store: Path, file: Path) -> None:
    blob_file(store, MODEL.largest).unlink()
    blob_file(store, MODEL.largest).mkdir()
    done = exported(store, file)
    assert (done.code, done.document["code"]) == (5, "blob-wrong")
    assert MODEL.largest in done.err


def test_a_blob_that_is_cut_meanwhile_is_named(store: Path, file: Path) -> None:
    blob = blob_file(store, MODEL.largest)

    def cut(event: Event) -> None:
        os.truncate(blob, 100)

    with pytest.raises(Exception, match=f"blob {MODEL.largest} .*cut to 100 bytes"):
        export_model(parse_model_name(NAME), file, store=store, replace=False, report=cut)
    assert list(file.parent.iterdir()) == []


def test_what_is_not_here_is_told_with_what_is(store: Path, file: Path) -> None:
    done = exported(store, file, name="own/tiny:2")
    assert (done.code, done.document["code"]) == (2, "model-not-here")
    assert f"hint: it holds {NAME}" in done.err


def test_a_damaged_manifest_is_told(store: Path, file: Path) -> None:
    (store / MANIFEST).write_bytes(MODEL.manifest[:-1])
    done = exported(store, file)
    assert (done.code, done.document["code"]) == (5, "manifest-damaged")


def test_an_existing_file_is_replaced_only_on_demand_and_only_by_a_whole_one(store: Path, file: Path) -> None:
    file.write_text("precious")
    done = exported(store, file)
    assert (done.code, done.document["code"], file.read_text()) == (2, "file-exists", "precious")
    blob_file(store, MODEL.largest).write_bytes(bytes(3000))
    assert exported(store, file, "--force").code == 5
    assert file.read_text() == "precious"
    blob_file(store, MODEL.largest).write_bytes(MODEL.blobs[MODEL.largest])
    assert exported(store, file, "--force").code == 0
    assert hashlib.sha256(file.read_bytes()).hexdigest() == GOLDEN
    assert list(file.parent.iterdir()) == [file]


def test_no_directory_and_no_device_is_replaced(store: Path, tmp_path: Path) -> None:
    for target in (tmp_path, Path("/dev/null")):
        done = exported(store, target, "--force")
        assert (done.code, done.document["code"]) == (2, "file-not-regular")


def test_a_directory_that_is_missing_is_told(store: Path, tmp_path: Path) -> None:
    done = exported(store, tmp_path / "none" / "model.tar")
    assert (done.code, done.document["code"]) == (3, "file-not-writable")


def test_what_a_killed_run_left_is_taken_over_and_a_living_one_is_not_disturbed(store: Path, file: Path) -> None:
    part = file.with_name(".model.tar.part")
    part.write_bytes(bytes(1 << 20))
    with part.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = exported(store, file)
        assert (done.code, done.document["code"]) == (75, "file-locked")
        assert part.stat().st_size == 1 << 20
    assert exported(store, file).code == 0
    assert list(file.parent.iterdir()) == [file]


def test_an_interruption_leaves_nothing(store: Path, file: Path) -> None:
    def interrupt(event: Event) -> None:
        assert file.with_name(".model.tar.part").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_model(parse_model_name(NAME), file, store=store, replace=False, report=interrupt)
    assert list(file.parent.iterdir()) == []


def test_progress_ends_with_the_whole_model(store: Path, file: Path) -> None:
    events: list[Event] = []
    export_model(parse_model_name(NAME), file, store=store, replace=False, report=events.append)
    last = events[-1]
    assert isinstance(last, Progress)
    assert (last.item, last.phase) == (f"model {NAME}", "exporting")
    assert last.done_bytes == last.total_bytes == MODEL.size


def test_models_of_every_kind_of_name_come_back_under_it(tmp_path: Path) -> None:
    for name in ("deepseek-r1:7b", "own/x:latest", "registry.example:5000/library/a:b"):
        parsed = parse_model_name(name)
        store = write_store(
            tmp_path / parsed.model, Model(MODEL.manifest, MODEL.blobs), Path("manifests", *parsed.manifest_path)
        )
        file = tmp_path / f"{parsed.model}.tar"
        export_model(parsed, file, store=store, replace=False, report=silent)
        with tarfile.open(file) as tar:
            index = tar.extractfile("index.json")
            assert index is not None
            assert json.loads(index.read())["manifests"][0]["annotations"] == {
                "org.opencontainers.image.ref.name": name
            }
