"""Which source a field is taken from, and that nothing stands there twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.monitor.board_parts import (
    Cpu,
    Emc,
    Engine,
    Gpu,
    Memory,
    Paging,
    Power,
    PowerMode,
    Process,
    Rail,
    Swap,
    Traffic,
    Trip,
    Zone,
)
from jetson_deploy.monitor.merge import merged
from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.sysfs import SysfsSource

BOARDS_HERE = Path(__file__).parent / "boards"
SWAP = Swap(device="/dev/zram0", kind="zram", total_bytes=2, used_bytes=1)


@pytest.mark.parametrize(
    ("higher", "lower", "board", "sources"),
    [
        pytest.param(Board(), Board(), Board(), {}, id="nothing is known"),
        pytest.param(
            Board(uptime_seconds=0.0),
            Board(uptime_seconds=5.0, boot_id="b"),
            Board(uptime_seconds=0.0, boot_id="b"),
            {"uptime_seconds": "a", "boot_id": "b"},
            id="zero is known",
        ),
        pytest.param(
            Board(clocks_pinned=False, power_mode=PowerMode(at_ceiling=False)),
            Board(clocks_pinned=True, power_mode=PowerMode(at_ceiling=True, name="MAXN")),
            Board(clocks_pinned=False, power_mode=PowerMode(at_ceiling=False, name="MAXN")),
            {"clocks_pinned": "a", "power_mode.at_ceiling": "a", "power_mode.name": "b"},
            id="false is known",
        ),
        pytest.param(
            Board(memory=Memory(total_bytes=8), emc=Emc(hertz=2.0), paging=Paging(oom_kills=0)),
            Board(memory=Memory(total_bytes=9, gpu_bytes=3), emc=Emc(load=0.5, hertz=1.0)),
            Board(memory=Memory(total_bytes=8, gpu_bytes=3), emc=Emc(load=0.5, hertz=2.0), paging=Paging(oom_kills=0)),
            {
                "memory.total_bytes": "a",
                "memory.gpu_bytes": "b",
                "emc.hertz": "a",
                "emc.load": "b",
                "paging.oom_kills": "a",
            },
            id="parts are filled field by field",
        ),
        pytest.param(
            Board(gpus=(Gpu(name="gpu-gpc-0", hertz=1.0),)),
            Board(gpus=(Gpu(name="Thor", load=0.5, hertz=2.0),)),
            Board(gpus=(Gpu(name="gpu-gpc-0", load=0.5, hertz=1.0),)),
            {"gpus": "a", "gpus.load": "b"},
            id="the only GPU of both is one GPU",
        ),
        pytest.param(
            Board(gpus=(Gpu(name="one"), Gpu(name="two", load=0.1))),
            Board(gpus=(Gpu(name="two", load=0.9, hertz=1.0), Gpu(name="three", load=0.3))),
            Board(gpus=(Gpu(name="one"), Gpu(name="two", load=0.1, hertz=1.0))),
            {"gpus": "a", "gpus.hertz": "b"},
            id="several GPUs go by their names",
        ),
        pytest.param(
            Board(gpus=(Gpu(name="one"), Gpu(name="two"))),
            Board(gpus=(Gpu(name="GR3D", load=0.9),)),
            Board(gpus=(Gpu(name="one"), Gpu(name="two"))),
            {"gpus": "a"},
            id="a GPU of another name among several is nobody's",
        ),
        pytest.param(
            Board(zones=(Zone(name="tj-thermal", celsius=50.0), Zone(name="gpu"))),
            Board(
                zones=(
                    Zone(name="tj", celsius=51.0),
                    Zone(name="gpu", celsius=40.0, trips=(Trip(kind="critical", celsius=99.0),)),
                )
            ),
            Board(
                zones=(
                    Zone(name="tj-thermal", celsius=50.0),
                    Zone(name="gpu", celsius=40.0, trips=(Trip(kind="critical", celsius=99.0),)),
                )
            ),
            {"zones": "a", "zones.celsius": "b", "zones.trips": "b"},
            id="no zone is there twice under two spellings",
        ),
        pytest.param(
            Board(rails=(Rail(name="VDD_IN", volts=5.0),), power=Power(watts=5.0, method="sum")),
            Board(rails=(Rail(name="VDD_IN", watts=6.0), Rail(name="NC")), power=Power(watts=6.0, method="rail")),
            Board(rails=(Rail(name="VDD_IN", volts=5.0, watts=6.0),), power=Power(watts=5.0, method="sum")),
            {"rails": "a", "rails.watts": "b", "power": "a"},
            id="rails are filled, and power is taken as it is",
        ),
        pytest.param(
            Board(),
            Board(zones=(Zone(name="tj"),), engines=(Engine(name="VIC"),)),
            Board(zones=(Zone(name="tj"),), engines=(Engine(name="VIC"),)),
            {"zones": "b", "engines": "b"},
            id="a list that nobody higher gave",
        ),
        pytest.param(
            Board(cpus=(Cpu(number=0, hertz=1.0),)),
            Board(cpus=(Cpu(number=0, load=0.5), Cpu(number=1, online=False))),
            Board(cpus=(Cpu(number=0, hertz=1.0, load=0.5), Cpu(number=1, online=False))),
            {"cpus": "a", "cpus.load": "b"},
            id="CPUs have one number in all sources",
        ),
        pytest.param(
            Board(processes=(Process(pid=7, name="ollama", cores=0.5),)),
            Board(processes=(Process(pid=7, name="x", gpu_bytes=9), Process(pid=8, name="y", gpu_bytes=1))),
            Board(
                processes=(
                    Process(pid=7, name="ollama", cores=0.5, gpu_bytes=9),
                    Process(pid=8, name="y", gpu_bytes=1),
                )
            ),
            {"processes": "a", "processes.gpu_bytes": "b"},
            id="processes have one pid in all sources",
        ),
        pytest.param(
            Board(traffic=(Traffic(name="sda", kind="disk", in_bytes=1, out_bytes=1),)),
            Board(traffic=(Traffic(name="sda", kind="network", in_bytes=2, out_bytes=2),)),
            Board(
                traffic=(
                    Traffic(name="sda", kind="disk", in_bytes=1, out_bytes=1),
                    Traffic(name="sda", kind="network", in_bytes=2, out_bytes=2),
                )
            ),
            {"traffic": "a"},
            id="traffic goes by kind and name",
        ),
        pytest.param(Board(swaps=()), Board(swaps=(SWAP,)), Board(swaps=()), {"swaps": "a"}, id="no swap is known"),
        pytest.param(Board(), Board(swaps=(SWAP,)), Board(swaps=(SWAP,)), {"swaps": "b"}, id="swap is unknown"),
    ],
)
def test_the_higher_source_wins_and_the_lower_one_fills(
    higher: Board, lower: Board, board: Board, sources: dict[str, str]
) -> None:
    assert merged([("a", higher), ("b", lower)]) == (board, sources)


def test_three_sources_are_asked_in_their_order() -> None:
    boards = [
        ("sysfs", Board(emc=Emc(hertz=1.0))),
        ("jetson-stats", Board(emc=Emc(load=0.2))),
        ("tegrastats", Board(emc=Emc(load=0.3, max_hertz=3.0))),
    ]
    board, sources = merged(boards)
    assert board.emc == Emc(load=0.2, hertz=1.0, max_hertz=3.0)
    assert sources == {"emc.hertz": "sysfs", "emc.load": "jetson-stats", "emc.max_hertz": "tegrastats"}


def test_no_source_at_all_is_an_empty_board() -> None:
    assert merged([]) == (Board(), {})


def test_thor_has_the_clocks_of_sysfs_and_the_load_of_nvml_on_one_gpu() -> None:
    sysfs = SysfsSource(BOARDS_HERE / "agx-thor-r38.4", None).read()
    nvml = Board(
        gpus=(Gpu(name="Thor", load=0.85, hertz=1.0),),
        zones=(Zone(name="gpu", celsius=35.0),),
        rails=(Rail(name="GPU", watts=1.0),),
    )
    board, sources = merged([("sysfs", sysfs), ("nvml", nvml)])
    assert [(gpu.name, gpu.load, gpu.hertz) for gpu in board.gpus] == [("gpu-gpc-0", 0.85, sysfs.gpus[0].hertz)]
    assert (sources["gpus"], sources["gpus.load"]) == ("sysfs", "nvml")
    assert (board.zones, board.rails) == (sysfs.zones, sysfs.rails)


NUMBERS = st.none() | st.floats(0, 1)
NAMES = st.sampled_from(["a", "b", "c"])


def lists(made: Any, key: str) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(made, max_size=3, unique_by=lambda one: getattr(one, key)).map(tuple)


BOARDS = st.builds(
    Board,
    uptime_seconds=NUMBERS,
    emc=st.builds(Emc, load=NUMBERS, hertz=NUMBERS),
    gpus=lists(st.builds(Gpu, name=NAMES, load=NUMBERS, hertz=NUMBERS), "name"),
    zones=lists(st.builds(Zone, name=NAMES, celsius=NUMBERS), "name"),
    cpus=lists(st.builds(Cpu, number=st.integers(0, 3), load=NUMBERS), "number"),
)


@settings(max_examples=50, deadline=None)
@given(BOARDS, BOARDS)
def test_what_the_highest_source_knows_is_never_changed(higher: Board, lower: Board) -> None:
    board, sources = merged([("a", higher), ("b", lower)])
    assert merged([("a", higher)])[0] == higher
    assert set(sources.values()) <= {"a", "b"}
    for zone in higher.zones:
        assert zone.celsius is None or zone in board.zones
    if higher.zones:
        assert [zone.name for zone in board.zones] == [zone.name for zone in higher.zones]
    assert len({cpu.number for cpu in board.cpus}) == len(board.cpus)
    assert board.emc.load == (lower.emc.load if higher.emc.load is None else higher.emc.load)
