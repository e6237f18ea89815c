"""GPU load over many polls, where it is found on each generation, what is no GPU, and the memory controller."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sysfs_trees import GPU, ORIN, THOR, copied, look, put

from jetson_deploy.monitor.board_parts import Emc, Engine, Gpu
from jetson_deploy.monitor.sources.sysfs import SysfsSource

DEVFREQ = "sys/class/devfreq"
DEBUG = "sys/kernel/debug"


def test_load_is_the_mean_and_the_highest_of_all_polls_since_the_last_sample(tmp_path: Path) -> None:
    root = copied(ORIN, tmp_path)
    source = SysfsSource(root, None)
    source.poll()  # before the first sample there is nothing to poll, and nothing is lost
    source.read()
    for text in ("0", "990", "1000", "-3", "", "garbage"):
        put(root, f"{GPU}/load", text)
        source.poll()
    put(root, f"{GPU}/load", "10\n")
    gpu = source.read().gpus[0]
    assert (gpu.load, gpu.load_max) == (0.5, 1.0)
    gpu = source.read().gpus[0]
    assert (gpu.load, gpu.load_max) == (0.01, 0.01)


@pytest.mark.parametrize("alias", ["sys/devices/gpu.0", "sys/devices/platform/gpu.0"])
def test_where_devfreq_shows_no_load_the_alias_does(alias: str, tmp_path: Path) -> None:
    root = copied(ORIN, tmp_path)
    (root / f"{GPU}/load").unlink()
    (root / "sys/devices/gpu.0").unlink()
    put(root, f"{alias}/load", "250\n")
    assert [(gpu.name, gpu.load, gpu.hertz) for gpu in look(root).gpus] == [("17000000.gpu", 0.25, 1.02e9)]


def test_without_devfreq_the_load_alone_makes_a_gpu(tmp_path: Path) -> None:
    root = copied(ORIN, tmp_path)
    shutil.rmtree(root / DEVFREQ)
    put(root, f"{GPU}/load", "30\n")
    assert look(root).gpus == (Gpu(name="gpu.0", load=0.03, load_max=0.03),)


def test_thors_codec_clock_is_an_engine_and_its_gpu_has_no_load(tmp_path: Path) -> None:
    board = look(copied(THOR, tmp_path))
    assert [(gpu.name, gpu.load) for gpu in board.gpus] == [("gpu-gpc-0", None)]
    assert board.engines == (Engine(name="gpu-nvd-0", hertz=314e6),)


def test_a_gpu_of_another_name_is_known_by_its_device_tree_node(tmp_path: Path) -> None:
    for name, node in (("renamed", "gv11b"), ("other", "disk")):
        put(tmp_path, f"{DEVFREQ}/{name}/cur_freq", "5\n")
        put(tmp_path, f"{DEVFREQ}/{name}/device/of_node/name", node + "\0")
    assert [gpu.name for gpu in look(tmp_path).gpus] == ["renamed"]


def test_codecs_of_devfreq_are_engines(tmp_path: Path) -> None:
    for name in ("15340000.vic", "15380000.nvjpg", "15540000.nvjpg", "2500000.ufs"):
        put(tmp_path, f"{DEVFREQ}/{name}/cur_freq", "115200000\n")
    names = [(engine.name, engine.hertz) for engine in look(tmp_path).engines]
    assert names == [("VIC", 115.2e6), ("NVJPG", 115.2e6), ("NVJPG-2", 115.2e6)]


EMCS = [
    ({f"{DEBUG}/bpmp/debug/clk/emc/rate": "2133000000\n", f"{DEBUG}/bpmp/debug/clk/emc/max_rate": "3199000000\n",
      f"{DEBUG}/cactmon/mc_all": "533250\n"}, Emc(load=0.25, hertz=2.133e9, max_hertz=3.199e9)),
    ({f"{DEBUG}/bpmp/debug/clk/emc/rate": "2133000000\n", f"{DEBUG}/cactmon/mc_all": "2133001\n"}, Emc(hertz=2.133e9)),
    ({f"{DEBUG}/bpmp/debug/clk/emc/rate": "0\n", f"{DEBUG}/cactmon/mc_all": "1\n"}, Emc(hertz=0.0)),
    ({f"{DEVFREQ}/bwmgr/cur_freq": "2750000000\n"}, Emc(hertz=2.75e9)),
    ({f"{DEBUG}/clk/emc/clk_rate": "1600000000\n", f"{DEBUG}/actmon_avg_activity/mc_all": "800000\n"},
     Emc(load=0.5, hertz=1.6e9)),
    ({"sys/kernel/nvpmodel_clk_cap/emc": "3199000000\n"}, Emc()),  # a cap, not a clock
]  # fmt: skip


@pytest.mark.parametrize(("texts", "expected"), EMCS)
def test_the_memory_controller_is_read_where_the_kernel_lets_us(
    texts: dict[str, str], expected: Emc, tmp_path: Path
) -> None:
    put(tmp_path, "proc/uptime", "1.00 1.00\n")
    for path, text in texts.items():
        put(tmp_path, path, text)
    assert look(tmp_path).emc == expected
