"""A model of a device's store that no catalog lists is planned from its header, as on the device itself."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from gguf_files import small_gguf
from local_device import LocalTransport
from ollama_store import put_model

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.reading.asked import asked_of
from jetson_deploy.fleet.reading.headers import parsed
from jetson_deploy.fleet.reading.script import header_script
from jetson_deploy.fleet.reading.seen import look
from jetson_deploy.settings import Settings
from jetson_deploy.store.gguf.header import read_gguf

NO_ENGINE = "unix:///nonexistent/docker.sock"


def sent(file: Path) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-", str(file)]
    return subprocess.run(argv, input=header_script(), capture_output=True, check=False, timeout=60)


def test_what_is_sent_says_what_the_file_says_and_is_small(tmp_path: Path) -> None:
    made = small_gguf()
    made.values["tokenizer.ggml.tokens"] = ("text[]", [f"token {number}" for number in range(30_000)])
    made.values["tokenizer.ggml.scores"] = ("f32[]", [float(number) for number in range(30_000)])
    made.values["tokenizer.ggml.merges"] = ("text[]", [])
    (tmp_path / "model").write_bytes(made.content())
    output = sent(tmp_path / "model").stdout
    assert parsed(output) == read_gguf(tmp_path / "model")
    assert len(output) < 4096 < 500_000 < (tmp_path / "model").stat().st_size


DAMAGED = {
    "cut": (small_gguf().content()[:300], "ends early"),
    "of another format": (b"PK\x03\x04" + bytes(1000), ""),
    "empty": (b"", "ends early"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_no_model_is_told_by_the_device_or_here(name: str, tmp_path: Path) -> None:
    content, why = DAMAGED[name]
    (tmp_path / "model").write_bytes(content)
    done = sent(tmp_path / "model")
    said = parsed(done.stdout)
    assert isinstance(said, str)
    assert why in done.stderr.decode()


def answer(content: bytes, size: int) -> bytes:
    packed = zlib.compress(content)
    return b"\njetson-deploy-header/1 %d %d\n" % (size, len(packed)) + packed


HOSTILE = {
    "nothing": b"",
    "a size beyond any disk": answer(b"GGUF", 10**14),
    "a bomb": answer(bytes(65 << 20), 10**9),
    "no compressed data": b"\njetson-deploy-header/1 100 4\nabcd",
    "a header larger than its file": answer(small_gguf().content(), 40),
    "another file": answer(b"PK" + bytes(100), 102),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_a_problem_of_that_model(name: str) -> None:
    said = parsed(HOSTILE[name])
    assert isinstance(said, str)
    assert said.isprintable()
    assert len(said) < 300


def test_an_unlisted_model_has_the_facts_that_its_own_detect_gives(tmp_path: Path) -> None:
    put_model(tmp_path, "mine:1b", weights=small_gguf().content())
    put_model(tmp_path, "broken:1b", weights=b"GGUF" + bytes(40))
    for name in ("mine:1b", "broken:1b", "deepseek-r1:7b"):
        device = Device(name="here", settings={"model": name, "store": str(tmp_path)})
        asked = asked_of(device)
        seen = asyncio.run(look(LocalTransport({"DOCKER_HOST": NO_ENGINE}), device, asked, load_catalog()))
        settings = Settings(docker_host=NO_ENGINE)
        here = survey(Path("/"), settings, load_catalog(), store=tmp_path, deployment="default", model=name)
        assert seen.facts.store is not None
        assert here.store is not None
        for one, other in zip(seen.facts.store.models or (), here.store.models or (), strict=True):
            assert (one.name, one.header, one.loaded_bytes) == (other.name, other.header, other.loaded_bytes)
            assert bool(one.header_problem) == bool(other.header_problem)
        assert any(one.header for one in seen.facts.store.models or ()) == (name == "mine:1b")
