"""An archive by its address: fetched with a digest alone, resumed, and refused with one cause and one fix."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from registry_server import Fault, RegistryServer, serving
from test_native_archive import archive

from jetson_deploy.errors import JetsonDeployError, UsageError
from jetson_deploy.events import Event, Note, silent
from jetson_deploy.runtime.systemd.archive_address import parse_archive_address
from jetson_deploy.runtime.systemd.archive_fetch import fetched
from jetson_deploy.runtime.systemd.kept import Kept
from jetson_deploy.runtime.systemd.programs import Programs
from jetson_deploy.runtime.systemd.wire import HostSystemctl

NAME = "ollama-linux-arm64.tgz"
WRONG = "0" * 64
BULK = 3 << 20


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[RegistryServer]:
    """Not NVIDIA's, not Ollama's: a server of the test's own, with an archive like upstream's at its address."""
    import random

    bulk = tmp_path / "bulk"
    bulk.write_bytes(random.Random(1).randbytes(BULK))
    content = archive(
        tmp_path, program=b"#!/bin/sh\necho client version is 0.9.5\n#" + bulk.read_bytes().hex().encode()
    )
    with serving(RegistryServer(blobs={NAME: content.read_bytes()})) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "programs"


def digest_of(server: RegistryServer) -> str:
    return hashlib.sha256(server.blobs[NAME]).hexdigest()


def url_of(server: RegistryServer, version: str = "0.9.5") -> str:
    return f"{server.url}/v2/v{version}/blobs/{NAME}"


def brought(
    url: str,
    digest: str,
    place: Path,
    report: Callable[[Event], None] = silent,
    stop: threading.Event | None = None,
    seconds: float = 5,
) -> str:
    """The version of what is kept then."""
    programs = Programs(Kept(place), parse_archive_address(f"{url}#sha256={digest}"))
    (offered, *_) = programs.facts(HostSystemctl(), asked=True).servers
    assert (offered.kept, offered.size_bytes) == (False, None)
    programs.bring(offered.reference, report, stop or threading.Event(), seconds)
    found = Kept(place).find(f"sha256:{digest}")
    assert found is not None
    assert found.source == url
    return found.version


def test_it_is_fetched_and_kept_by_its_digest_and_nothing_else_stays(upstream: RegistryServer, place: Path) -> None:
    assert brought(url_of(upstream), digest_of(upstream), place) == "0.9.5"
    assert [path.name for path in place.iterdir()] == [digest_of(upstream)]


@pytest.mark.parametrize(
    "fault", [Fault("cut", after=900_000, times=1), Fault("whole"), Fault("status", code=503, times=1)], ids=str
)
def test_a_link_that_breaks_once_and_a_server_without_ranges_bring_it_too(
    upstream: RegistryServer, place: Path, fault: Fault
) -> None:
    upstream.faults.append(fault)
    assert brought(url_of(upstream), digest_of(upstream), place) == "0.9.5"


def test_what_arrived_before_a_cut_is_not_fetched_again(upstream: RegistryServer, place: Path) -> None:
    whole = len(upstream.blobs[NAME])
    upstream.faults += [Fault("none", times=1), Fault("cut", after=whole // 2, times=1), Fault("drop")]
    stop, told = threading.Event(), list[Event]()

    def ended(event: Event) -> None:
        if isinstance(event, Note) and event.level == "warning":
            stop.set()  # Ctrl-C while it tries again

    with pytest.raises(JetsonDeployError) as cut:
        brought(url_of(upstream), digest_of(upstream), place, ended, stop)
    assert cut.value.code == "interrupted"
    upstream.faults.clear()
    before = upstream.sent
    assert brought(url_of(upstream), digest_of(upstream), place, told.append) == "0.9.5"
    assert upstream.sent - before < whole * 0.75
    assert any(isinstance(event, Note) and event.text.startswith("resuming") for event in told)


REFUSED = {
    "another digest": (None, WRONG, "0.9.5", "blob-corrupt", 5),
    "a server that refuses": (Fault("status", code=403), "", "0.9.5", "registry-refused", 4),
    "no such file": (Fault("status", code=404), "", "0.9.5", "archive-not-found", 4),
    "another version": (None, "", "0.11.4", "native-archive-unusable", 3),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_with_a_cause_and_a_fix_and_nothing_is_kept(
    upstream: RegistryServer, place: Path, case: tuple[Fault | None, str, str, str, int]
) -> None:
    fault, digest, version, code, exit_code = case
    upstream.faults += [fault] if fault else []
    with pytest.raises(JetsonDeployError) as refused:
        brought(url_of(upstream, version), digest or digest_of(upstream), place)
    assert (refused.value.code, refused.value.exit_code) == (code, exit_code)
    assert len(refused.value.message.splitlines()) == len(refused.value.hint.splitlines()) == 1
    assert [*Kept(place).all()] == []
    assert [path for path in place.rglob("*") if path.is_file() and path.stat().st_size > 4096] == []
    assert len(upstream.blob_requests()) < 8  # a digest that is wrong once is not fetched three times


def test_a_link_that_is_cut_for_good_is_tried_five_times_and_another_way_is_named(
    upstream: RegistryServer, place: Path
) -> None:
    upstream.faults += [Fault("none", times=1), Fault("drop")]
    address, pauses = parse_archive_address(f"{url_of(upstream)}#sha256={digest_of(upstream)}"), list[float]()
    with (
        pytest.raises(JetsonDeployError) as cut,
        fetched(address, place, silent, threading.Event(), 5, sleep=pauses.append),
    ):
        pytest.fail("nothing came")
    assert (cut.value.exit_code, len(pauses)) == (4, 4)
    assert "--archive FILE" in cut.value.hint


ADDRESSES = {
    "https://x.test/v0.9.5/a.tgz": "names no digest",
    "https://x.test/v0.9.5/a.tgz#sha256=12": "names no digest",
    "https://x.test/latest/a.tgz#sha256=" + WRONG: "names no version",
    "ftp://x.test/v0.9.5/a.tgz#sha256=" + WRONG: "neither http:// nor https://",
    "https://user:secret@x.test/v0.9.5/a.tgz#sha256=" + WRONG: "holds credentials",
    "https://x.test/v0.9.5/#sha256=" + WRONG: "names no file",
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_archive_address(text)
    assert ADDRESSES[text] in refused.value.message
    assert "secret" not in refused.value.message


def test_the_digest_is_that_of_the_file_and_not_of_the_program(upstream: RegistryServer) -> None:
    found = parse_archive_address(f"{url_of(upstream)}#sha256={digest_of(upstream)}")
    assert (found.digest, found.version, found.short) == (f"sha256:{digest_of(upstream)}", "0.9.5", NAME)
