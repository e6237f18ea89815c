"""`model import`, killed with SIGKILL at every stage: the next run goes on, and no bad blob ever has a name."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bundles import MANIFEST, layout_of, tar_of
from registry_server import Model, blob_file, small_model

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
LARGE_BYTES = 160 << 20
KILLED_AT_BYTES = (1, 16 << 20, 48 << 20, 100 << 20, 140 << 20)
CHECKPOINT_BYTES = 8 << 20
"""Eight times the smallest that can be set."""


def test_killed_anywhere_an_import_goes_on_and_no_bad_blob_gets_its_name(tmp_path: Path) -> None:
    model, file, store = small_model(LARGE_BYTES), tmp_path / "model.tar", tmp_path / "store"
    file.write_bytes(tar_of(layout_of(model)))
    for at in KILLED_AT_BYTES:
        assert any(kill_an_import(file, store, model, at) for _ in range(5)), f"never killed in time at {at}"
        assert not (store / MANIFEST).exists()
        for path in (store / "blobs").glob("*"):
            assert path.name == "sha256-" + hashlib.sha256(path.read_bytes()).hexdigest()
    process = start_import(file, store)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    done = json.loads(out)
    assert done["copied_bytes"] + done["reused_bytes"] == model.size
    assert done["reused_bytes"] >= KILLED_AT_BYTES[-1] - 2 * CHECKPOINT_BYTES
    assert (store / MANIFEST).read_bytes() == model.manifest
    assert blob_file(store, model.largest).read_bytes() == model.blobs[model.largest]
    assert list((store / ".jetson-deploy/partial").iterdir()) == []


def start_import(file: Path, store: Path) -> subprocess.Popen[str]:
    verb = [sys.executable, "-m", "jetson_deploy", "model", "import", str(file), "--store", str(store), "--json"]
    environment = os.environ | {"JETSON_DEPLOY_CHECKPOINT_MIB": "1"}
    return subprocess.Popen(verb, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def kill_an_import(file: Path, store: Path, model: Model, at: int) -> bool:
    """SIGKILL once so much of the weights is on the disk. False: it ended before, and what it brought is taken away."""
    data = store / ".jetson-deploy/partial" / f"{model.largest.removeprefix('sha256:')}.data"
    process = start_import(file, store)
    while process.poll() is None and not has_arrived(data, at):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if process.returncode == 0:
        (store / MANIFEST).unlink()
        blob_file(store, model.largest).unlink()
    return process.returncode == -signal.SIGKILL


def has_arrived(data: Path, at: int) -> bool:
    """The length is reserved from the start, as zeros."""
    try:
        with data.open("rb") as file:
            file.seek(at)
            return any(file.read(64))
    except FileNotFoundError:
        return False
