"""One model is taken out; and a removal that is killed at any moment."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filled_store import DAMAGES, SEVEN, content_of, kept_manifest, model_of, put
from holder import holding
from registry_server import Model, blob_file, small_model

from jetson_deploy.errors import UnhealthyError
from jetson_deploy.events import silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.inventory import find_manifests
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.remove import remove_model, take_out

NAME = parse_model_name("deepseek-r1:7b")


@pytest.fixture
def model(store: Path) -> Model:
    return put(store, small_model())


def test_a_removed_model_that_a_process_reads_is_refused_by_pid(store: Path, model: Model) -> None:
    before = content_of(store)
    with holding("mapped", blob_file(store, model.largest)) as pid:
        with pytest.raises(UnhealthyError) as caught:
            take_out(store, NAME, dry_run=False, report=silent, stop=threading.Event())
        assert f"(pid {pid})" in caught.value.message
        assert content_of(store) == before
        # `down` has stopped its own server by then: another one keeps the blob, and loses the name
        assert remove_model(store, NAME) == model.size - 300_000
        assert blob_file(store, model.largest).exists()


def test_a_removed_model_leaves_what_a_kept_revision_needs(store: Path, model: Model) -> None:
    kept_manifest(store, model)
    put(store, model)
    found = take_out(store, NAME, dry_run=False, report=silent, stop=threading.Event())
    assert (found.freed_bytes, len(found.kept)) == (0, len(model.blobs))
    assert find_manifests(StorePaths(store)) == ()


@pytest.mark.parametrize("damage", ["dangling", "pipe"])
def test_a_model_whose_manifest_is_no_file_can_be_removed_too(damage: str, store: Path, model: Model) -> None:
    DAMAGES[damage][0](store / "manifests" / SEVEN)
    take_out(store, NAME, dry_run=False, report=silent, stop=threading.Event())
    assert find_manifests(StorePaths(store)) == ()
    assert len(list((store / "blobs").iterdir())) == len(model.blobs)


KILLED = """\
import os, sys, threading
from pathlib import Path
from jetson_deploy.events import silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.maintenance.collect import collect
from jetson_deploy.store.maintenance.remove import remove_model

store, verb, moment = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
seen = 0

def hook(event, details):
    global seen
    if event in ("os.remove", "os.rmdir"):
        seen += 1
        if seen == moment:
            os._exit(9)

sys.addaudithook(hook)
if verb == "remove":
    remove_model(store, parse_model_name("deepseek-r1:7b"))
else:
    collect(store, kept=frozenset(), min_age_seconds=0, dry_run=False, report=silent, stop=threading.Event())
"""


@pytest.mark.parametrize("verb", ["collect", "remove"])
def test_killed_before_any_removal_every_model_that_is_named_is_whole(verb: str, store: Path) -> None:
    shared = b"shared by all"
    going = model_of(shared, b"first", b"second")
    put(store, model_of(shared, b"third"), "registry.ollama.ai/library/other/1")
    moment, code = 0, 9
    while code == 9:
        moment += 1
        put(store, going)
        if verb == "collect":
            kept_manifest(store, going)
        command = [sys.executable, "-c", KILLED, str(store), verb, str(moment)]
        code = subprocess.run(command, check=False, timeout=30).returncode
        for path in [*(store / "manifests").rglob("*"), *(store / ".jetson-deploy/kept").glob("*")]:
            if path.is_file():
                assert_has_its_blobs(store, path)
    assert (code, moment > 3) == (0, True)
    assert len(list((store / "blobs").iterdir())) == 2


def assert_has_its_blobs(store: Path, manifest: Path) -> None:
    for needed in (b"shared by all", b"first", b"second", b"third"):
        blob = next(iter(model_of(needed).blobs))
        if blob in manifest.read_text():
            assert blob_file(store, blob).read_bytes() == needed
