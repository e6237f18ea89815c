"""`model import -`: what a pipe gives, of unknown size, is taken in whole or not at all."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bundles import MANIFEST, NAME, Done, exported, imported, layout_of, tar_of, tiny_model, tree
from gguf_files import small_gguf
from registry_server import blob_file

COMMAND = [sys.executable, "-m", "jetson_deploy", "model", "import", "-", "--json"]
CONTENT = small_gguf().content()
MODEL = tiny_model()
BUNDLE = tar_of(layout_of(MODEL))


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(tmp_path), "JETSON_DEPLOY_STATE_DIR": str(tmp_path / "state")}


def piped(content: bytes, tmp_path: Path, *options: str, limit: int | None = None) -> Done:
    """Through a real pipe. `limit`: of the size of any file that the run writes."""

    def limited() -> None:
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    run = subprocess.run(
        [*COMMAND, "--store", str(tmp_path / "store"), *options],
        input=content,
        capture_output=True,
        env=environment(tmp_path),
        preexec_fn=limited,
        timeout=60,
    )
    return Done(run.returncode, run.stdout.decode(), run.stderr.decode())


def leftovers(store: Path) -> list[str]:
    """Files of the store that are no model and no record of ours."""
    kept = ("blobs/", "manifests/", ".jetson-deploy/lock", ".jetson-deploy/verified.json")
    return [path for path, content in tree(store).items() if content is not None and not path.startswith(kept)]


def test_a_gguf_from_a_pipe_is_the_model_that_its_file_would_be(tmp_path: Path) -> None:
    done = piped(CONTENT, tmp_path, "--as", NAME)
    assert (done.code, done.document["file"]) == (0, "-"), done.err
    (tmp_path / "model.gguf").write_bytes(CONTENT)
    same = imported(tmp_path / "model.gguf", tmp_path / "store", "--as", NAME)
    assert same.document["result"] == "no-changes"
    assert same.document["manifest_digest"] == done.document["manifest_digest"]
    assert leftovers(tmp_path / "store") == []


def test_a_bundle_goes_from_store_to_store_through_a_pipe(tmp_path: Path) -> None:
    done = piped(BUNDLE, tmp_path)
    assert (done.code, done.document["manifest_digest"]) == (0, MODEL.digest), done.err
    assert blob_file(tmp_path / "store", MODEL.largest).read_bytes() == MODEL.blobs[MODEL.largest]
    assert exported(tmp_path / "store", tmp_path / "again.tar").code == 0


def test_a_redirected_file_is_read_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(CONTENT)
    with file.open("rb") as standard_input:
        run = subprocess.run(
            [*COMMAND, "--store", str(tmp_path / "store"), "--as", NAME],
            stdin=standard_input,
            capture_output=True,
            env=environment(tmp_path),
            timeout=60,
        )
    assert (run.returncode, b"saving standard input" in run.stderr) == (0, False), run.stderr


WRONG: dict[str, tuple[bytes, tuple[str, ...] | None, int, str]] = {
    "cut GGUF": (CONTENT[:-1], (), 5, "standard input cannot be imported: it is cut"),
    "cut bundle": (
        BUNDLE[: len(BUNDLE) // 2],
        (),
        5,
        "standard input is refused: it is cut",
    ),
    "nothing": (b"", (), 5, "standard input is refused: it is empty"),
    "a web page": (b"<!doctype html><p>no", (), 5, "standard input is refused: it is an HTML page"),
    "no name": (CONTENT, None, 2, "standard input is a GGUF, which has no name"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_model_leaves_nothing_behind(tmp_path: Path, case: str) -> None:
    content, named, code, told = WRONG[case]
    done = piped(content, tmp_path, *(("--as", NAME) if named is not None else ()))
    assert done.code == code, done.err
    assert told in done.document["message"]
    assert leftovers(tmp_path / "store") == []
    assert not (tmp_path / "store" / MANIFEST).exists()


def test_a_disk_that_takes_no_more_ends_the_import_with_its_cause_and_nothing_is_left(tmp_path: Path) -> None:
    done = piped(CONTENT, tmp_path, "--as", NAME, limit=4096)
    assert (done.code, done.document["code"]) == (6, "file-too-large"), done.err
    assert leftovers(tmp_path / "store") == []


def test_an_interrupted_pipe_leaves_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run = subprocess.Popen(
        [*COMMAND, "--store", str(store), "--as", NAME],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
    )
    assert run.stdin and run.stdout and run.stderr
    run.stdin.write(CONTENT[:1000])
    run.stdin.flush()
    until = time.monotonic() + 30
    while b"saving standard input" not in run.stderr.readline():
        assert time.monotonic() < until
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 130
    assert json.loads(run.stdout.read())["code"] == "interrupted"
    assert leftovers(store) == []
    for stream in (run.stdin, run.stdout, run.stderr):
        stream.close()
