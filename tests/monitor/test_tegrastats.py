"""tegrastats: every format we know is read exactly, and no damage to a line makes up a number."""

from __future__ import annotations

import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.monitor.board_parts import Cpu, Emc, Engine, Gpu, Memory
from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.followed import FollowedSource
from jetson_deploy.monitor.sources.source import Source, SourceError
from jetson_deploy.monitor.sources.tegrastats import TegrastatsFeed, open_tegrastats, parse_tegrastats

DATA = Path(__file__).parent / "data"
ROWS = [row.split("\t") for row in (DATA / "tegrastats.tsv").read_text(encoding="utf-8").splitlines()[1:]]
GOLDEN = [json.loads(line) for line in (DATA / "tegrastats.golden.jsonl").read_text(encoding="utf-8").splitlines()]
LOG = (DATA / "tegrastats-xaviernx-r35-103lines.log").read_text(encoding="utf-8").splitlines()
LINES = [row[4] for row in ROWS]
MEGA, MEBI = 1_000_000, 1 << 20
PLACEHOLDERS = (50.0, 100.0)
"""What every board from TX1 to Xavier says of its PMIC, always: no measurement."""


@pytest.mark.parametrize("row", range(len(ROWS)), ids=lambda row: f"{row} {ROWS[row][0]}")
def test_a_captured_line_gives_what_the_golden_file_says(row: int) -> None:
    board, golden = parse_tegrastats(LINES[row]), GOLDEN[row]
    assert board.memory == golden_memory(golden)
    assert [(swap.used_bytes, swap.total_bytes) for swap in board.swaps or ()] == golden_swap(golden)
    assert {zone.name: zone.celsius for zone in board.zones} == golden_zones(golden)
    assert {rail.name: rail.watts for rail in board.rails} == {n: mw[0] / 1000 for n, mw in golden["rails"].items()}
    assert list(board.cpus) == golden_cpus(golden)
    assert board.emc == golden_emc(golden["engines"].get("EMC"))
    assert list(board.gpus) == golden_gpus(golden["engines"])
    assert list(board.engines) == golden_engines(golden["engines"])


def golden_memory(golden: dict[str, Any]) -> Memory:
    if "ram" not in golden:
        return Memory()
    (used, total), block = golden["ram"], golden["lfb"][1]
    return Memory(
        total_bytes=total * MEBI, available_bytes=(total - used) * MEBI, largest_free_block_bytes=block * MEBI
    )


def golden_swap(golden: dict[str, Any]) -> list[tuple[int, int]]:
    return [(golden["swap"][0] * MEBI, golden["swap"][1] * MEBI)] if "swap" in golden else []


def golden_zones(golden: dict[str, Any]) -> dict[str, float | None]:
    return {
        name: None if name == "PMIC" and celsius in PLACEHOLDERS else celsius
        for name, celsius in golden["temps"].items()
    }


def golden_cpus(golden: dict[str, Any]) -> list[Cpu]:
    return [
        Cpu(number=number, online=False)
        if cpu is None
        else Cpu(number=number, online=True, load=cpu[0] / 100, hertz=cpu[1] * MEGA)
        for number, cpu in enumerate(golden.get("cpu", []))
    ]


def golden_emc(emc: dict[str, Any] | None) -> Emc:
    """`0%` without a clock is what users other than root are told."""
    if emc is None or emc["mhz"] is None:
        return Emc()
    return Emc(load=emc["util"] / 100, hertz=emc["mhz"][0] * MEGA)


def golden_gpus(engines: dict[str, Any]) -> list[Gpu]:
    found = [engines[name] for name in ("GR3D", "GR3D2") if name in engines]
    if not found:
        return []
    loads = [one["util"] / 100 for one in found if one["util"] is not None]
    clocks = [mhz * MEGA for one in found for mhz in one["mhz"] or []]
    return [Gpu(name="GR3D", load=max(loads, default=None), hertz=max(clocks, default=None))]


def golden_engines(engines: dict[str, Any]) -> list[Engine]:
    return [
        Engine(name=name, online=one["on"], hertz=one["mhz"][0] * MEGA if one["on"] else None)
        for name, one in engines.items()
        if name not in ("EMC", "GR3D", "GR3D2")
    ]


@pytest.mark.parametrize(
    ("board", "watts", "method"),
    [
        ("Nano 4GB", 1.022, "rail"),
        ("AGX Xavier 16GB", 7.632, "sum"),
        ("Orin Nano 8GB running a model", 12.479, "rail"),
        ("AGX Thor", 19.78, "rail"),
        ("AGX Thor fragment: negative rail", 15.004, "rail"),
    ],
)
def test_the_power_of_the_board_is_its_input_or_the_sum_of_its_rails(board: str, watts: float, method: str) -> None:
    power = parse_tegrastats(next(row[4] for row in ROWS if row[0] == board)).power
    assert power is not None
    assert power.watts == pytest.approx(watts)
    assert power.method == method


def test_a_rail_below_zero_is_kept_as_it_was_measured() -> None:
    rails = {rail.name: rail.watts for rail in parse_tegrastats(LINES[40]).rails}
    assert rails["VDD_GPU"] == -0.392


def test_every_line_of_a_real_log_gives_all_that_stands_in_it() -> None:
    assert len(LOG) == 103
    for line in LOG:
        board = parse_tegrastats(line)
        gpu, power, used, total = (
            int(number)
            for number in re.search(r"RAM (\d+)/(\d+)MB.* GR3D_FREQ (\d+)%.* VDD_IN (\d+)mW", line).group(3, 4, 1, 2)  # type: ignore[union-attr]
        )
        assert board.gpus == (Gpu(name="GR3D", load=gpu / 100),)
        assert board.power is not None and board.power.watts == power / 1000
        assert (board.memory.used_bytes, board.memory.total_bytes) == (used * MEBI, total * MEBI)
        assert [cpu.online for cpu in board.cpus] == [True] * 4 + [False] * 2
        assert [zone.name for zone in board.zones] == ["AUX", "CPU", "thermal", "AO", "GPU", "PMIC"]
        assert len(board.rails) == 3 and board.emc == Emc()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Board()),
        ("tegrastats: command not found", Board()),
        ("CPU [...] GR3D_FREQ 101% cpu@999C RAM 9/8MB SWAP 5/3MB tj@-256C", "nothing but the names of zones"),
        ("CPU [5%@102,o?f,off]", Board(cpus=(Cpu(number=0, online=True, load=0.05, hertz=102e6), Cpu(number=1),
                                             Cpu(number=2, online=False)))),
        ("CPU [5%@102,3%@10", Board()),
        ("RAM 1/2MB (lfb 3x512kB)", Board(memory=Memory(total_bytes=2 * MEBI, available_bytes=MEBI,
                                                        largest_free_block_bytes=512 * 1024))),
        ("RAM 1/2MB (lfb 0x4MB)", Board(memory=Memory(total_bytes=2 * MEBI, available_bytes=MEBI))),
        ("VDD_IN 532", Board()),
        ("GR3D_FREQ 5%@[305,611,408]", Board(gpus=(Gpu(name="GR3D", load=0.05, hertz=611e6),))),
        ("VDD_IN 5299mW/52 GR3D_FREQ 63%@ EMC_FREQ 4%@160000 RAM 1/2MBs APE 150x cpu@48C/ tj@48.C", Board()),
        ("CPU [5%@1024567,63%@]", Board()),
        ("GR3D_FREQ ٣%", Board()),
    ],
)  # fmt: skip
def test_what_is_absurd_or_cut_is_unknown(line: str, expected: Board | str) -> None:
    board = parse_tegrastats(line)
    if isinstance(expected, str):
        assert [(zone.name, zone.celsius) for zone in board.zones] == [("cpu", None), ("tj", None)]
        assert msgspec.structs.replace(board, zones=()) == Board()
    else:
        assert board == expected


def numbers(line: str) -> set[float]:
    return {abs(float(text)) for text in re.findall(r"\d+(?:\.\d+)?", line)}


def told(board: Board) -> Iterator[float]:
    """Every number of a board in the unit in which tegrastats writes it."""
    memory = board.memory
    yield from (b / MEBI for b in (memory.used_bytes, memory.total_bytes) if b is not None)
    if memory.largest_free_block_bytes is not None:
        block = memory.largest_free_block_bytes
        yield block / MEBI if block % MEBI == 0 else block / 1024
    for swap in board.swaps or ():
        yield from (swap.used_bytes / MEBI, swap.total_bytes / MEBI)
    parts: tuple[Cpu | Gpu | Engine | Emc, ...] = (*board.cpus, *board.gpus, *board.engines, board.emc)
    for part in parts:
        yield from (round(part.load * 100, 6),) if part.load is not None else ()
        yield from (part.hertz / MEGA,) if part.hertz is not None else ()
    yield from (zone.celsius for zone in board.zones if zone.celsius is not None)
    yield from (round(rail.watts * 1000, 6) for rail in board.rails if rail.watts is not None)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A captured line with words lost, doubled, moved or taken from another line, and characters lost or changed."""
    words = draw(st.sampled_from(LINES)).split()
    others = draw(st.sampled_from(LINES)).split()
    for _ in range(draw(st.integers(0, 6))):
        at, what = draw(st.integers(0, len(words))), draw(st.integers(0, 4))
        if what == 0:
            del words[at : at + draw(st.integers(1, 4))]
        elif what == 1:
            words.insert(at, draw(st.sampled_from(others)))
        elif what == 2:
            words = words[at:] + words[:at]
        elif at < len(words):
            word = words[at]
            cut = draw(st.integers(0, len(word)))
            words[at] = (
                word[:cut] + (draw(st.text("0-9%@/[],.CMmWk ", max_size=2)) if what == 3 else "") + word[cut + 1 :]
            )
    return " ".join(words)


@settings(max_examples=60, deadline=None)
@given(damaged())
def test_damage_never_raises_and_never_makes_up_a_number(line: str) -> None:
    board = parse_tegrastats(line)
    written = numbers(line)
    assert [number for number in told(board) if abs(number) not in written] == []
    rails = [rail.watts or 0.0 for rail in board.rails]
    if board.power is not None:
        assert (
            board.power.watts in rails
            if board.power.method == "rail"
            else board.power.watts == pytest.approx(sum(rails))
        )


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_any_other_text_never_raises(line: str) -> None:
    assert [number for number in told(parse_tegrastats(line)) if abs(number) not in numbers(line)] == []


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(LINES), st.randoms(use_true_random=False))
def test_groups_in_another_order_tell_the_same(line: str, random: Any) -> None:
    groups = re.findall(r"[A-Za-z]\w*@\S+|[A-Z][A-Z0-9_]+ -?\d+mW\S*|\S+", line)
    moved = [g for g in groups if ("@" in g and g[0].isalpha()) or ("mW" in g and " " in g)]
    stay = [g for g in groups if g not in moved]
    random.shuffle(moved)
    before, after = parse_tegrastats(" ".join(stay + moved)), parse_tegrastats(line)
    assert {z.name: z.celsius for z in before.zones} == {z.name: z.celsius for z in after.zones}
    assert {r.name: r.watts for r in before.rails} == {r.name: r.watts for r in after.rails}
    assert (before.memory, before.cpus, before.gpus) == (after.memory, after.cpus, after.gpus)


def stub(directory: Path, script: str) -> str:
    path = directory / "tegrastats"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def soon(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.005)
    return False


def known(source: Source) -> Board:
    assert soon(lambda: source.read() != Board())
    return source.read()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_program_is_asked_for_a_line_a_second_read_while_it_runs_and_ended(tmp_path: Path) -> None:
    log, seen = tmp_path / "log", tmp_path / "seen"
    log.write_text("\n".join(LOG) + "\n", encoding="utf-8")
    source = open_tegrastats((stub(tmp_path, f'echo "$$ $@" > {seen}; cat {log}; exec sleep 60'),))
    try:
        assert soon(lambda: source.read() == parse_tegrastats(LOG[-1]))
        pid, *arguments = seen.read_text(encoding="utf-8").split()
        assert arguments == ["--interval", "1000"]
        assert alive(int(pid))
    finally:
        source.close()
    assert not alive(int(pid))


def test_where_there_is_no_such_program_that_is_said() -> None:
    with pytest.raises(SourceError, match="there is no program /nowhere/tegrastats"):
        open_tegrastats(("/nowhere/tegrastats",))


def test_a_program_that_dies_is_started_again_ever_later_and_at_once_after_data(tmp_path: Path) -> None:
    """Four starts: without data, without data, with data, without data."""
    count = tmp_path / "count"
    program = stub(
        tmp_path,
        f'echo >> {count}; [ $(wc -l < {count}) = 3 ] && echo "GR3D_FREQ 7%" && printf "GR3D_FREQ 9%%"; exit 5',
    )
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 4

    now = [0.0]
    source = FollowedSource("tegrastats", TegrastatsFeed((program,)), clock=lambda: now[0], pause=pause)
    source.follow()
    assert pauses == [1.0, 2.0, 1.0, 2.0]
    assert source.read().gpus[0].load == 0.07, "the last line has no end: it may be cut"
    now[0] = 3.5
    with pytest.raises(SourceError, match="ended with exit status 5; it is started again"):
        source.read()


class Hangs:
    """A feed that says nothing until it is stopped."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def boards(self) -> Iterator[Board]:
        self.stopped.wait(30)
        yield from ()

    def stop(self) -> None:
        self.stopped.set()


def test_a_source_that_says_nothing_is_waited_for_a_while_and_never_blocks_a_look() -> None:
    now = [0.0]
    source = FollowedSource("tegrastats", Hangs(), clock=lambda: now[0])
    source.start()
    assert source.read() == Board()
    now[0] = 11.0
    with pytest.raises(SourceError, match="no data in the first 11 s"):
        source.read()
    source.close()


def test_a_fault_in_what_is_followed_is_told_in_one_line() -> None:
    class Faulty(Hangs):
        def boards(self) -> Iterator[Board]:
            raise KeyError("a\nb")

    source = FollowedSource("tegrastats", Faulty(), pause=lambda _: True)
    source.follow()
    with pytest.raises(SourceError, match=r"^KeyError: 'a\\nb'$"):
        source.read()
