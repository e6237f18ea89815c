"""Whatever the files hold: no exception, and no number that they do not contain."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from drawn import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.l4t import parse_release_line
from jetson_deploy.detect.recorded import recorded_engine
from jetson_deploy.facts import HostFacts

CATALOG = load_catalog()
LINE = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n"
FRAGMENTS = ("# R", "36", " (release), REVISION: ", "4", ".", "3", ",", " ", "\n", "-", "9" * 30, "\0", "٣")
RELEASE = st.one_of(
    st.binary(max_size=200), st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(lambda p: "".join(p).encode())
)
MEMINFO = st.lists(
    st.tuples(
        st.sampled_from(["MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "MemFree", ""]),
        st.one_of(st.integers(-(10**20), 10**20).map(str), st.text(max_size=8)),
        st.sampled_from([" kB", " MB", "", " kB kB"]),
    )
)
FIELD = st.one_of(
    st.sampled_from(["/dev/nvme0n1p1", "/", "/mnt", "ext4", "tmpfs", "nfs", "rw", "ro", r"\040", r"\777", "/../.."]),
    st.text(max_size=12),
)
COMPATIBLE = st.lists(
    st.one_of(
        st.sampled_from(
            ["nvidia,tegra234", "nvidia,tegra23x", "nvidia,p3768-0000+p3767-0005", "+", "nvidia,", "-super"]
        ),
        st.from_regex(r"nvidia,p[0-9]{4}-[0-9]{4}(\+p[0-9]{4}-[0-9]{4})?(-super)?", fullmatch=True),
        st.text(max_size=20),
    ),
    max_size=5,
)
KEYS = st.sampled_from(
    ["info", "version", "containers", "images", "Labels", "Id", "Names", "Runtimes", "problem", "/", "x"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def detected(files: dict[str, bytes]) -> HostFacts:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        host = Host(root)
        return detect_host(host, CATALOG, engine=recorded_engine(host), store=None, port=11434, live=False)


@settings(max_examples=examples(150))
@given(RELEASE)
@pytest.mark.fault("F24")
def test_any_release_file_gives_the_numbers_that_it_holds_or_none(content: bytes) -> None:
    facts = detected({"etc/nv_tegra_release": content})
    if facts.l4t is not None:
        text = content.decode(errors="replace")
        assert all(part in text for part in facts.l4t.split(".") if part != "0")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(LINE)))
def test_a_cut_release_line_is_whole_or_nothing(length: int) -> None:
    assert parse_release_line(LINE[:length]) in (None, "36.4.3")


@settings(max_examples=examples(150))
@given(MEMINFO)
@pytest.mark.fault("F24")
def test_any_meminfo_gives_figures_that_it_holds_or_none(lines: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{name}: {value}{unit}\n" for name, value, unit in lines)
    memory = detected({"proc/meminfo": text.encode(errors="replace")}).memory
    written = {int(digits) for digits in re.findall("[0-9]{1,20}", text)}
    for figure in (memory.total_bytes, memory.available_bytes, memory.swap_total_bytes, memory.swap_free_bytes):
        assert figure is None or figure // 1024 in written
    if memory.total_bytes is not None and memory.available_bytes is not None:
        assert memory.available_bytes <= memory.total_bytes


@settings(max_examples=examples(150))
@given(st.lists(st.lists(FIELD, max_size=6).map(" ".join), max_size=6))
@pytest.mark.fault("F24")
def test_any_mounts_give_disks_without_invented_space(lines: list[str]) -> None:
    facts = detected({"proc/mounts": "\n".join(lines).encode(errors="replace")})
    assert all(d.total_bytes is None and d.free_bytes is None for d in facts.disks)


@settings(max_examples=examples(150))
@given(COMPATIBLE, st.text(max_size=20), st.text(max_size=60))
@pytest.mark.fault("F24")
def test_any_device_tree_gives_a_board_of_its_own_chip_or_none(names: list[str], model: str, spec: str) -> None:
    base = "sys/firmware/devicetree/base/"
    facts = detected(
        {
            base + "compatible": "\0".join(names).encode(errors="replace"),
            base + "model": model.encode(errors="replace"),
            "etc/nv_boot_control.conf": f"TNSPEC {spec}\n".encode(errors="replace"),
        }
    )
    if facts.board.id is not None:
        assert CATALOG.boards[facts.board.id].soc == facts.board.soc


@settings(max_examples=examples(150))
@given(JSON, JSON, st.binary(max_size=60))
@pytest.mark.fault("F24")
def test_any_recording_is_used_or_noted(engine: object, disks: object, packages: bytes) -> None:
    facts = detected(
        {
            "recorded/engine.json": json.dumps(engine).encode(),
            "recorded/disks.json": json.dumps(disks).encode(),
            "recorded/clock.json": packages,
            "var/lib/dpkg/status": b"Package: nvidia-l4t-core\nStatus: install ok installed\nVersion: " + packages,
        }
    )
    assert facts.l4t is None or facts.l4t_source == "package nvidia-l4t-core"
