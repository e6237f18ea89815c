"""`model import` of what a stranger may have written: refused in a line, or right; never anything else."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundles import NAME, entry_of, imported, index_of, layout_of, member, taken_in, tar_of, tiny_model, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_server import Model, digest_of

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.store.bundle.bundle import opened, read_bundle
from jetson_deploy.store.bundle.tar_members import Member, Refused, read_members

MODEL = tiny_model()
FILES = layout_of(MODEL)
WEIGHTS = f"blobs/{MODEL.largest.replace(':', '/')}"


def with_file(name: str, content: bytes = b"") -> bytes:
    return tar_of(FILES | {name: content})


def with_member(name: str, kind: bytes, content: bytes = b"", **changed: object) -> bytes:
    return tar_of(FILES, [(member(name, len(content), kind, **changed), content)])


def with_index(index: bytes) -> bytes:
    return tar_of(FILES | {"index.json": index})


def with_entry(**changed: object) -> bytes:
    return with_index(index_of(entry_of(MODEL, NAME) | changed))


def without(name: str) -> bytes:
    return tar_of({key: content for key, content in FILES.items() if key != name})


def with_size(size: int) -> Callable[[bytes], bytes]:
    """Claim another size in the first header."""

    def changed(tar: bytes) -> bytes:
        header = bytearray(tar[:512])
        header[124:136] = b"%011o\0" % size
        header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))
        return bytes(header) + tar[512:]

    return changed


TAR = tar_of(FILES)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "absolute": (with_file("/etc/cron.d/x"), "a member's name leads out of it: '/etc/cron.d/x'"),
    "upwards": (with_file("blobs/../../x"), "a member's name leads out of it"),
    "stray": (with_file("blobs/sha256/readme"), "it holds 'blobs/sha256/readme', which belongs to no bundle"),
    "upper case": (with_file("blobs/sha256/" + "A" * 64), "which belongs to no bundle"),
    "symbolic link": (with_member("index.json2", tarfile.SYMTYPE, linkname="/etc/passwd"), "it holds a symbolic link"),
    "hard link": (with_member("x", tarfile.LNKTYPE, linkname="index.json"), "it holds a hard link"),
    "device": (with_member("x", tarfile.BLKTYPE), "it holds a block device"),
    "FIFO": (with_member("x", tarfile.FIFOTYPE), "it holds a FIFO"),
    "GNU sparse": (with_member("x", tarfile.GNUTYPE_SPARSE), "it holds a sparse file"),
    "pax sparse": (with_member("x", tarfile.REGTYPE, pax_headers={"GNU.sparse.major": "1"}), "it holds a sparse file"),
    "long name": (tar_of(FILES, [(member("x" * 200), b"")], tarfile.GNU_FORMAT), "a name of more than 100 characters"),
    "long pax name": (with_file("x" * 200), "which belongs to no bundle"),
    "pax bomb": (tar_of({}, [(member("x", pax_headers={"y": "z" * 100_000}), b"")]), "an extended header claims"),
    "unknown type": (with_member("x", b"Z"), "a member of the unknown type 'Z'"),
    "twice": (tar_of(FILES, [(member("index.json", 2), b"{}")]), "it holds index.json twice"),
    "no tar": (b"x" * 2000, "it is no tar"),
    "empty": (b"", "it is empty"),
    "zeros": (bytes(10240), "it holds no oci-layout"),
    "gzip": (b"\x1f\x8b\x08" + bytes(600), "it is compressed"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), "it is compressed"),
    "cut": (TAR[: len(TAR) // 2], "it is cut"),
    "size over the end": (with_size(1 << 30)(TAR), "it is cut"),
    "no layout": (without("oci-layout"), "it holds no oci-layout"),
    "layout 2": (tar_of(FILES | {"oci-layout": b'{"imageLayoutVersion":"2.0.0"}'}), "version '2.0.0', not 1"),
    "no index": (without("index.json"), "it holds no index.json"),
    "bad index": (with_index(b"{"), "its index.json cannot be read"),
    "deep index": (with_index(b'{"x":' + b"[" * 100_000), "its index.json cannot be read"),
    "large index": (with_index(b" " * (5 << 20)), "index.json has 5242880 bytes, more than 4 MiB"),
    "empty index": (with_index(index_of()), "its index.json lists no manifest"),
    "odd digest": (with_entry(digest="sha512:" + "0" * 64), "its index.json cannot be read"),
    "no manifest": (with_entry(digest="sha256:" + "0" * 64), "it lacks the blob sha256:000"),
    "size of the manifest": (with_entry(size=1), "bytes, not 1"),
    "no weights": (without(WEIGHTS), f"it lacks the blob {MODEL.largest}"),
    "short weights": (tar_of(FILES | {WEIGHTS: b"x"}), f"its blob {MODEL.largest} has 1 bytes, not 3000"),
    "altered manifest": (
        tar_of(FILES | {f"blobs/sha256/{MODEL.digest}": bytes(len(MODEL.manifest))}),
        f"its manifest has sha256:{Model(bytes(len(MODEL.manifest)), {}).digest}",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_in_a_line_and_changes_nothing(tmp_path: Path, case: str) -> None:
    content, why = HOSTILE[case]
    file = tmp_path / "model.tar"
    file.write_bytes(content)
    done = imported(file, tmp_path / "store")
    assert (done.code, done.document["code"]) == (5, "bundle-refused")
    assert why in done.document["message"]
    assert "\n" not in done.document["message"]
    assert list(tree(tmp_path)) == ["model.tar"]


def test_more_members_than_any_bundle_has_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.tar"
    file.write_bytes(member("blobs", kind=tarfile.DIRTYPE).tobuf() * 25_001)
    assert "it has more than 25000 members" in imported(file, tmp_path / "store").err


def take(content: bytes, folder: Path) -> bool:
    """Import the bytes; whatever they are, only an error of ours comes out, and only right things are kept."""
    file, store = folder / "model.tar", folder / "store"
    file.write_bytes(content)
    try:
        with opened(file) as descriptor:
            taken_in(read_bundle(file, descriptor, None), store)
    except JetsonDeployError as error:
        assert error.exit_code in (2, 5)
        assert "\n" not in error.message
        return False
    finally:
        assert_only_right_things(folder)
    return True


def assert_only_right_things(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} <= {"model.tar", "store"}
    store = folder / "store"
    assert not store.exists() or {p.name for p in store.iterdir()} <= {"blobs", "manifests", ".jetson-deploy"}
    blobs = {path.name: path.read_bytes() for path in (store / "blobs").glob("*")}
    assert all(name == "sha256-" + hashlib.sha256(content).hexdigest() for name, content in blobs.items())
    for manifest in (path for path in store.glob("manifests/*/*/*/*")):
        document = json.loads(manifest.read_bytes())
        for entry in (document["config"], *document["layers"]):
            assert len(blobs[entry["digest"].replace(":", "-")]) == entry["size"]


IN_A_FOLDER = settings(max_examples=60, deadline=None)


@IN_A_FOLDER
@given(changes=st.dictionaries(st.integers(0, len(TAR) - 1), st.binary(min_size=1, max_size=6), min_size=1, max_size=3))
def test_whatever_bytes_change_only_right_things_are_kept(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[int, bytes]
) -> None:
    content = bytearray(TAR)
    for place, new in changes.items():
        content[place : place + len(new)] = new
    take(bytes(content), tmp_path_factory.mktemp("changed"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1 << 70) | st.sampled_from(["", "sha256:../../x", MODEL.largest]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every container in a document with each of its keys."""
    if not isinstance(document, dict | list):
        return []
    items = list(document.items() if isinstance(document, dict) else enumerate(document))
    return [(document, key) for key, _ in items] + [place for _, inner in items for place in places(inner)]


def with_manifest(raw: bytes) -> dict[str, bytes]:
    """The layout with this manifest, its digest and size right."""
    entry = entry_of(MODEL, NAME) | {"digest": digest_of(raw), "size": len(raw)}
    return FILES | {f"blobs/{digest_of(raw).replace(':', '/')}": raw, "index.json": index_of(entry)}


@IN_A_FOLDER
@given(data=st.data(), of_index=st.booleans())
def test_whatever_an_index_or_a_manifest_says_only_right_things_are_kept(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, of_index: bool
) -> None:
    document = json.loads(FILES["index.json"] if of_index else MODEL.manifest)
    container, key = data.draw(st.sampled_from(places(document)))
    container[key] = data.draw(JSON)
    raw = json.dumps(document).encode()
    files = FILES | {"index.json": raw} if of_index else with_manifest(raw)
    take(tar_of(files), tmp_path_factory.mktemp("said"))


def test_the_unchanged_bundle_is_taken_in(tmp_path: Path) -> None:
    assert take(TAR, tmp_path)


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters="/"), min_size=1, max_size=90)
MEMBERS = st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3), st.integers(0, 1500), st.booleans()), max_size=6)


@settings(max_examples=100, deadline=None)
@given(members=MEMBERS, form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT]))
def test_a_tar_is_read_as_pythons_own_reader_reads_it(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[list[str], int, bool]], form: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "members.tar"
    with contextlib.suppress(ValueError), tarfile.open(path, "w", format=form) as tar:  # a name too long for ustar
        for parts, size, is_directory in members:
            kind = tarfile.DIRTYPE if is_directory else tarfile.REGTYPE
            tar.addfile(member("/".join(parts), 0 if is_directory else size, kind), io.BytesIO(bytes(size)))
    with path.open("rb") as file, tarfile.open(path) as tar:
        try:
            found = list(read_members(file.fileno(), path.stat().st_size))
        except Refused as refused:
            assert form == tarfile.GNU_FORMAT
            assert "a name of more than 100 characters" in str(refused)
        else:
            expected = [Member(m.name, m.isdir(), m.offset_data, m.size) for m in tar]
            assert [m._replace(name=m.name.rstrip("/")) for m in found] == expected
