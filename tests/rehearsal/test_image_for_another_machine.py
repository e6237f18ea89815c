"""The stand-in image for another machine: its program and its libraries are given, and nothing of them is run here."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from jetson_deploy.errors import PreflightError
from jetson_deploy.rehearsal.image import MANIFEST_TYPE, make_image
from jetson_deploy.rehearsal.push import Label
from jetson_deploy.rehearsal.virtual.ollama_arm64 import check_machine

LABEL = Label(repository="library/ollama", tag="x", media_type=MANIFEST_TYPE)


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + bytes(44)


def test_the_libraries_that_are_given_stand_where_its_loader_looks(tmp_path: Path) -> None:
    binary, library = tmp_path / "ollama", tmp_path / "libc.so.6"
    binary.write_bytes(elf(183))
    library.write_bytes(b"the library")
    make_image(tmp_path / "image", binary, LABEL, libraries={"/lib/aarch64-linux-gnu/libc.so.6": library})
    manifest = json.loads((tmp_path / "image" / "manifest.json").read_bytes())
    layer = tmp_path / "image" / manifest["layers"][0]["digest"].removeprefix("sha256:")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.read_bytes()))) as tar:
        names = set(tar.getnames())
        content = tar.extractfile("lib/aarch64-linux-gnu/libc.so.6")
        assert content is not None and content.read() == b"the library"
    assert {name for name in names if name.startswith("lib")} == {"lib/aarch64-linux-gnu/libc.so.6"}


def test_what_is_no_program_for_aarch64_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "ollama"
    binary.write_bytes(elf(183))
    check_machine(binary)
    for content in (elf(62), b"#!/bin/sh\n", b""):
        binary.write_bytes(content)
        with pytest.raises(PreflightError) as caught:
            check_machine(binary)
        assert caught.value.code == "ollama-build-failed"
