"""`model import` of bundles: ours, those of other tools, and those that nobody should take in."""

from __future__ import annotations

import contextlib
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import (
    MANIFEST,
    NAME,
    entry_of,
    exported,
    imported,
    index_of,
    layout_of,
    member,
    taken_in,
    tar_of,
    tiny_model,
    write_store,
)
from registry_server import Model, blob_file, small_model

from jetson_deploy.errors import IntegrityError, InterruptedRunError
from jetson_deploy.events import Event
from jetson_deploy.store.bundle.bundle import opened, read_bundle
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.transfer.source import Source

MODEL, OTHER = tiny_model(), tiny_model(seed=2)
FILES = layout_of(MODEL)
WEIGHTS = f"blobs/{MODEL.largest.replace(':', '/')}"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def written(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "model.tar"
    file.write_bytes(content)
    return file


def assert_here(store: Path, model: Model, manifest: Path = MANIFEST) -> None:
    assert (store / manifest).read_bytes() == model.manifest
    for digest, content in model.blobs.items():
        assert blob_file(store, digest).read_bytes() == content
    assert list((store / ".jetson-deploy" / "tmp").iterdir()) == []
    assert list((store / ".jetson-deploy" / "partial").iterdir()) == []


def test_a_model_goes_through_a_file_into_another_store_and_out_again_byte_for_byte(tmp_path: Path) -> None:
    first, file, second, again = (tmp_path / name for name in ("first", "a.tar", "second", "b.tar"))
    write_store(first, MODEL)
    assert exported(first, file).code == 0
    done = imported(file, second)
    assert done.code == 0, done.err
    assert done.document == {
        "schema": "jetson-deploy.import/1",
        "result": "done",
        "name": NAME,
        "file": str(file),
        "store": str(second),
        "manifest_digest": MODEL.digest,
        "copied_bytes": MODEL.size,
        "reused_bytes": 0,
    }
    assert_here(second, MODEL)
    assert exported(second, again).code == 0
    assert again.read_bytes() == file.read_bytes()


def test_what_is_here_already_is_not_copied_again(tmp_path: Path, store: Path) -> None:
    file = written(tmp_path, tar_of(FILES))
    write_store(store, MODEL)
    (store / MANIFEST).unlink()
    blob_file(store, MODEL.largest).unlink()
    assert imported(file, store).document["copied_bytes"] == len(MODEL.blobs[MODEL.largest])
    assert imported(file, store).document["result"] == "no-changes"
    assert_here(store, MODEL)


def test_the_name_is_the_bundles_own_or_the_given_one(tmp_path: Path, store: Path) -> None:
    file = written(tmp_path, tar_of(FILES))
    assert imported(file, store, "--as", "own/other:2").document["name"] == "own/other:2"
    assert_here(store, MODEL, Path("manifests/registry.ollama.ai/own/other/2"))
    assert not (store / MANIFEST).exists()


@pytest.mark.parametrize("ref_name", [None, "7b", "", "../x:1", "a b:1"])
def test_a_bundle_without_a_models_name_needs_one(tmp_path: Path, store: Path, ref_name: str | None) -> None:
    file = written(tmp_path, tar_of(layout_of(MODEL, ref_name)))
    done = imported(file, store)
    assert (done.code, done.document["code"]) == (2, "bundle-without-name")
    assert not store.exists()
    assert imported(file, store, "--as", NAME).code == 0


def test_one_of_several_models_is_picked_by_its_name(tmp_path: Path, store: Path) -> None:
    index = index_of(entry_of(MODEL, NAME), entry_of(OTHER, "own/tiny:2"), entry_of(OTHER, None))
    file = written(tmp_path, tar_of(FILES | layout_of(OTHER) | {"index.json": index}))
    done = imported(file, store)
    assert (done.code, done.document["code"]) == (5, "bundle-refused")
    assert "it holds 3 manifests ('own/tiny:1', 'own/tiny:2')" in done.err
    assert imported(file, store, "--as", "own/tiny:3").code == 5
    assert imported(file, store, "--as", "own/tiny:2").code == 0
    assert_here(store, OTHER, Path("manifests/registry.ollama.ai/own/tiny/2"))


def test_one_of_several_is_picked_by_its_tag_where_that_is_all_that_the_bundle_says(
    tmp_path: Path, store: Path
) -> None:
    index = index_of(entry_of(OTHER, "7b"), entry_of(MODEL, "1"))
    file = written(tmp_path, tar_of(FILES | layout_of(OTHER) | {"index.json": index}))
    assert imported(file, store, "--as", NAME).code == 0
    assert_here(store, MODEL)


def test_a_name_that_is_taken_is_not_given_away_unasked(tmp_path: Path, store: Path) -> None:
    write_store(store, OTHER)
    file = written(tmp_path, tar_of(FILES))
    done = imported(file, store)
    assert (done.code, done.document["code"]) == (5, "model-tag-moved")
    assert MODEL.digest in done.err
    assert OTHER.digest in done.err
    assert imported(file, store, "--accept-new-digest").code == 0
    assert_here(store, MODEL)


def test_a_name_of_the_catalog_means_the_catalogs_digest(tmp_path: Path, store: Path) -> None:
    file = written(tmp_path, tar_of(layout_of(MODEL, "deepseek-r1:7b")))
    done = imported(file, store)
    assert (done.code, done.document["code"]) == (5, "model-tag-moved")
    assert not store.exists()
    assert imported(file, store, "--accept-new-digest").code == 0


DOCKER_SAVE = {"manifest.json": b"[]", "repositories": b"{}"}
OF_OTHER_TOOLS: dict[str, bytes] = {
    "ustar": tar_of(FILES, form=tarfile.USTAR_FORMAT),
    "gnu": tar_of(FILES, form=tarfile.GNU_FORMAT),
    "docker save": tar_of(FILES | DOCKER_SAVE),
    "tar cf . in the layout": tar_of(
        {f"./{name}": content for name, content in FILES.items()},
        [(member("./", kind=tarfile.DIRTYPE), b""), (member("./ingest/", kind=tarfile.DIRTYPE), b"")],
    ),
    "times and owners in pax headers": tar_of(
        FILES, [(member("repositories", pax_headers={"mtime": "1.5", "SCHILY.xattr.x": "y" * 5000}), b"")]
    ),
    "no end mark": tar_of(FILES).rstrip(b"\0") + bytes(512),
    "an OCI manifest": b"",
}


def with_oci_manifest() -> Model:
    oci = MODEL.manifest.replace(b"vnd.docker.distribution.manifest.v2", b"vnd.oci.image.manifest.v1")
    return Model(oci, MODEL.blobs)


@pytest.mark.parametrize("tool", OF_OTHER_TOOLS)
def test_bundles_of_other_tools_are_taken_in(tmp_path: Path, store: Path, tool: str) -> None:
    model = with_oci_manifest() if tool == "an OCI manifest" else MODEL
    done = imported(written(tmp_path, OF_OTHER_TOOLS[tool] or tar_of(layout_of(model))), store)
    assert done.code == 0, done.err
    assert_here(store, model)


def test_a_container_image_is_no_model(tmp_path: Path, store: Path) -> None:
    manifest = json.loads(MODEL.manifest)
    for layer in manifest["layers"]:
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
    file = written(tmp_path, tar_of(layout_of(Model(json.dumps(manifest).encode(), MODEL.blobs))))
    done = imported(file, store)
    assert (done.code, done.document["code"]) == (5, "not-a-model")


def test_an_altered_blob_is_named_and_neither_it_nor_the_manifest_is_kept(tmp_path: Path, store: Path) -> None:
    file = written(tmp_path, tar_of(FILES | {WEIGHTS: bytes(3000)}))
    done = imported(file, store)
    assert (done.code, done.document["code"]) == (5, "blob-corrupt")
    assert MODEL.largest in done.err
    assert not blob_file(store, MODEL.largest).exists()
    assert not (store / MANIFEST).exists()
    assert list((store / ".jetson-deploy" / "partial").iterdir()) == []


def test_a_pipe_is_refused_with_a_way_out(tmp_path: Path, store: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file, way_out in ((tmp_path / "pipe", "model import - < "), (tmp_path, "name the file in it")):
        done = imported(file, store)
        assert (done.code, done.document["code"]) == (2, "file-not-regular")
        assert way_out in done.document["hint"]
    assert (imported(tmp_path / "none", store).code, store.exists()) == (3, False)


class Interrupting:
    """A source with which Ctrl-C comes when so many bytes were read."""

    def __init__(self, source: Source, after: int) -> None:
        self.address, self.takes_ranges = source.address, source.takes_ranges
        self.stop = threading.Event()
        self._source, self._left = source, after

    @contextlib.contextmanager
    def stream(self, blob: Blob, start: int, end: int) -> Iterator[Iterator[bytes]]:
        with self._source.stream(blob, start, end) as pieces:
            yield self._counted(pieces)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self._left -= len(piece)
            if self._left <= 0:
                self.stop.set()


def test_an_interrupted_import_goes_on_where_it_was(tmp_path: Path, store: Path) -> None:
    model = small_model(12 << 20)
    file = written(tmp_path, tar_of(layout_of(model)))
    with opened(file) as descriptor:
        bundle = read_bundle(file, descriptor, None)
        source = Interrupting(bundle.source, after=5 << 20)
        with pytest.raises(InterruptedRunError):
            taken_in(bundle, store, source=source, stop=source.stop)
    assert not (store / MANIFEST).exists()
    done = imported(file, store).document
    assert done["reused_bytes"] >= 5 << 20
    assert done["copied_bytes"] + done["reused_bytes"] == model.size
    assert_here(store, model)


def test_a_file_that_is_cut_meanwhile_is_told(tmp_path: Path, store: Path) -> None:
    file = written(tmp_path, tar_of(FILES))

    def cut(event: Event) -> None:
        os.truncate(file, 5000)

    with opened(file) as descriptor:
        bundle = read_bundle(file, descriptor, None)
        with pytest.raises(IntegrityError, match="was cut while it was read"):
            taken_in(bundle, store, report=cut)
    assert not (store / MANIFEST).exists()
