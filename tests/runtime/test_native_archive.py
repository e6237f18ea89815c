"""An archive with an Ollama: its version and digest are read, it is unpacked whole, and nothing leads out of it."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import silent
from jetson_deploy.runtime.systemd.archive import about_archive, keep_archive
from jetson_deploy.runtime.systemd.kept import Kept

PROGRAM = b"#!/bin/sh\necho Warning: client version is 0.9.5\n"


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, 0o755
    return made


def archive(folder: Path, *more: tarfile.TarInfo, program: bytes = PROGRAM) -> Path:
    path = folder / "ollama-linux-arm64.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for one in (member("./bin/ollama"), member("./lib/ollama/libggml.so.1"), *more):
            content = program if one.name.endswith("bin/ollama") else b"library"
            one.size = len(content) if one.isreg() else 0
            tar.addfile(one, io.BytesIO(content) if one.isreg() else None)
    return path


def test_it_is_unpacked_whole_and_known_by_its_digest(tmp_path: Path) -> None:
    file = archive(tmp_path, member("./lib/ollama/libggml.so", tarfile.SYMTYPE, "libggml.so.1"))
    about = about_archive(file)
    assert about.version == "0.9.5"
    assert about.digest == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    kept = Kept(tmp_path / "programs")
    kept.add(lambda into: keep_archive(file, about.digest, into, silent, threading.Event()), about.digest)
    assert kept.program(about.digest).read_bytes() == PROGRAM
    assert (kept.path(about.digest) / "lib/ollama/libggml.so").read_bytes() == b"library"
    assert [one.digest for one in kept.all()] == [about.digest]


@pytest.mark.parametrize(
    "leading_out",
    [
        member("../outside"),
        member("/outside"),
        member("bin/../../outside"),
        member("etc/passwd"),
        member("lib/out", tarfile.SYMTYPE, "../../outside"),
        member("lib/out", tarfile.SYMTYPE, "/outside"),
        member("lib/device", tarfile.CHRTYPE),
        member("lib/hard", tarfile.LNKTYPE, "../outside"),
    ],
    ids=lambda one: f"{one.name} {one.linkname}",
)
def test_what_leads_out_is_refused_and_nothing_is_kept(tmp_path: Path, leading_out: tarfile.TarInfo) -> None:
    file = archive(tmp_path, leading_out)
    about = about_archive(file)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(JetsonDeployError) as refused:
        keep(tmp_path, file, about.digest)
    assert (refused.value.code, refused.value.exit_code) == ("native-archive-unusable", 3)
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before] == [tmp_path / "programs"]


def test_a_file_behind_a_link_stays_inside(tmp_path: Path) -> None:
    links = (member("lib/a", tarfile.SYMTYPE, "ollama"), member("lib/a/new.so"))
    file = archive(tmp_path, *links)
    keep(tmp_path, file, about_archive(file).digest)
    assert (tmp_path / "programs").is_dir()
    assert not (tmp_path / "new.so").exists()


def test_another_file_than_the_one_that_was_planned_with_is_refused(tmp_path: Path) -> None:
    planned = about_archive(archive(tmp_path)).digest
    file = archive(tmp_path, member("lib/ollama/other.so"))
    with pytest.raises(JetsonDeployError) as refused:
        keep(tmp_path, file, planned)
    assert (refused.value.code, refused.value.exit_code) == ("native-archive-changed", 5)
    assert Kept(tmp_path / "programs").find(planned) is None


def written(text: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "ollama-linux-arm64.tgz"
        path.write_bytes(text)
        return path

    return make


@pytest.mark.parametrize(
    "make",
    [
        written(b""),
        written(b"plain text, no archive"),
        written(b"\x1f\x8bcut short"),
        lambda folder: folder / "not-there.tgz",
        lambda folder: archive(folder, program=b"no program of any kind"),
    ],
)
def test_a_file_that_holds_no_ollama_for_this_machine_is_refused(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with pytest.raises(JetsonDeployError) as refused:
        about_archive(make(tmp_path))
    assert (refused.value.exit_code, len(refused.value.message.splitlines())) == (3, 1)


def keep(folder: Path, file: Path, digest: str) -> None:
    Kept(folder / "programs").add(lambda into: keep_archive(file, digest, into, silent, threading.Event()), digest)
