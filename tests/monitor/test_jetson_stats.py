"""jetson-stats: its units, its traps, and the many ways in which its service is not there."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from jetson_deploy.monitor.board_parts import (
    Cpu,
    Emc,
    Engine,
    Fan,
    Gpu,
    Memory,
    Power,
    PowerMode,
    Process,
    Rail,
    Swap,
    Zone,
)
from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.followed import FollowedSource
from jetson_deploy.monitor.sources.jetson_stats import JtopFeed
from jetson_deploy.monitor.sources.jtop_words import board_of
from jetson_deploy.monitor.sources.source import SourceError


class Jtop:
    """The client, with the properties as jetson-stats 7.x documents them, of an Orin Nano."""

    def __init__(self, answers: int = 1, *, frozen: bool = False, **properties: Any) -> None:
        self.answers, self.frozen, self.closed, self.given = answers, frozen, False, 0
        self.start_error: Exception | None = None
        self.ok_error: Exception | None = None
        self.uptime = datetime.timedelta(seconds=100.5)
        self.gpu: Any = {
            "gpu": {
                "type": "integrated",
                "status": {"railgate": False, "tpc_pg_mask": False, "3d_scaling": False, "load": 63.4},
                "freq": {"governor": "nvhost_podgov", "cur": 612000, "max": 1020000, "min": 306000, "GPC": [611000]},
                "power_control": "auto",
            }
        }
        self.cpu: Any = {
            "total": {"user": 1.0, "nice": 0.0, "system": 1.0, "idle": 98.0},
            "cpu": [
                {
                    "online": True, "governor": "schedutil", "freq": {"min": 729600, "max": 1728000, "cur": 1420800},
                    "user": 10.0, "nice": 0.0, "system": 5.0, "idle": 85.0, "model": "ARMv8",
                },
                {"online": False, "governor": "schedutil", "freq": {"min": 729600, "max": 1728000, "cur": 729600}},
            ],
        }  # fmt: skip
        self.memory: Any = {
            "RAM": {
                "tot": 7803904, "used": 4000000, "free": 1000000, "buffers": 50000, "cached": 2753904,
                "shared": 1500000, "lfb": 25, "shared_label": "Shared",
            },
            "SWAP": {
                "tot": 3900000, "used": 1000, "cached": 0,
                "table": {"/dev/zram0": {"type": "zram", "prio": 5, "size": 650000, "used": 500, "boot": False}},
            },
            "EMC": {"cur": 2133000, "max": 3199000, "min": 204000, "val": 43, "online": True},
        }  # fmt: skip
        self.temperature: Any = {"cpu": {"temp": 53.968, "online": True}, "cv0": {"temp": -256, "online": False}}
        rail = {"online": True, "type": "INA3221", "volt": 5016, "curr": 1200, "power": 6019, "avg": 6000}
        self.power: Any = {
            "rail": {"VDD_SOC": {**rail, "power": 1475}},
            "tot": {**rail, "name": "VDD_IN", "warn": 4984, "crit": 4984},
        }
        self.fan: Any = {"pwmfan": {"speed": [25.1], "rpm": [1786], "profile": "quiet"}}
        self.engine: Any = {
            "NVDEC": {"NVDEC": {"online": False, "cur": 115200}},
            "APE": {"APE": {"online": True, "cur": 200000}},
        }
        self.processes: Any = [
            [4711, "root", "I", "Graphic", 20, "S", 99.9, 2097152, 1048576, "ollama\x1b[2J"],
            ["4712", "root", "I", "Graphic", 20, "S", 0.1, 1024, 512, ""],
        ]
        self.nvpmodel: Any = type("NVPModel", (), {"id": 2, "name": "MAXN_SUPER"})()
        for name, value in properties.items():
            setattr(self, name, value)

    def start(self) -> None:
        if self.start_error:
            raise self.start_error

    def ok(self) -> bool:
        if self.ok_error:
            raise self.ok_error
        self.given += 1
        if not self.frozen:
            self.uptime += datetime.timedelta(seconds=1)
        return self.given <= self.answers

    def close(self) -> None:
        self.closed = True
        raise RuntimeError("as it may")


def test_every_documented_property_is_told_in_base_units() -> None:
    assert board_of(Jtop()) == Board(
        uptime_seconds=100.5,
        gpus=(
            Gpu(name="gpu", load=0.634, hertz=612e6, min_hertz=306e6, max_hertz=1020e6, governor="nvhost_podgov"),
        ),
        cpus=(
            Cpu(
                number=0, online=True, load=0.15, hertz=1420.8e6, min_hertz=729.6e6, max_hertz=1728e6,
                governor="schedutil",
            ),
            Cpu(number=1, online=False, min_hertz=729.6e6, max_hertz=1728e6, governor="schedutil"),
        ),
        memory=Memory(total_bytes=7803904 << 10, free_bytes=1000000 << 10, gpu_bytes=1500000 << 10),
        swaps=(Swap(device="/dev/zram0", kind="zram", total_bytes=650000 << 10, used_bytes=500 << 10),),
        emc=Emc(load=0.43, hertz=2133e6, max_hertz=3199e6),
        zones=(Zone(name="cpu", celsius=53.968), Zone(name="cv0")),
        rails=(
            Rail(name="VDD_IN", watts=6.019, volts=5.016, amperes=1.2, crit_amperes=4.984),
            Rail(name="VDD_SOC", watts=1.475, volts=5.016, amperes=1.2),
        ),
        power=Power(watts=6.019, method="rail"),
        fans=(Fan(name="pwmfan", ratio=0.251, rpm=1786.0),),
        power_mode=PowerMode(id=2, name="MAXN_SUPER"),
        engines=(Engine(name="NVDEC", online=False), Engine(name="APE", online=True, hertz=200e6)),
        processes=(
            Process(pid=4711, name="ollama?[2J", resident_bytes=2 << 30, gpu_bytes=1 << 30),
            Process(pid=4712, name="pid 4712", resident_bytes=1 << 20, gpu_bytes=512 << 10),
        ),
    )  # fmt: skip


def thor(load: float, **clocks: int) -> dict[str, Any]:
    return {"Thor": {"status": {"load": load}, "freq": {"governor": "nvml", **clocks}, "power_control": "nvml"}}


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        (thor(85.0, cur=1575, min=0, max=1575), Gpu(name="Thor", load=0.85, hertz=1575e6, max_hertz=1575e6)),
        (
            thor(85.0, cur=1575000, min=314000, max=1575000),
            Gpu(name="Thor", load=0.85, hertz=1575e6, min_hertz=314e6, max_hertz=1575e6),
        ),
        (thor(0.0, cur=0, min=0, max=0), Gpu(name="Thor")),
        (
            {"gpu": {"status": {"load": 0.0}, "freq": {"cur": 0}, "power_control": "auto"}},
            Gpu(name="gpu", load=0.0, hertz=0.0),
        ),
        ({"gpu": {"status": {"load": None}, "freq": None}}, Gpu(name="gpu")),
        ({"gpu": {}}, Gpu(name="gpu")),
    ],
    ids=["MHz of NVML", "kHz of devfreq", "zeros for unknown", "a real zero", "None", "nothing"],
)
def test_a_gpu_by_way_of_nvml_has_mhz_or_khz_and_zero_for_unknown(gpu: Any, expected: Gpu) -> None:
    assert board_of(Jtop(gpu=gpu)).gpus == (expected,)


def test_a_board_without_an_input_rail_has_the_sum_and_one_without_rails_no_power() -> None:
    rails = {"GPU": {"power": 4000}, "CPU": {"power": 2000}}
    board = board_of(Jtop(power={"rail": rails, "tot": {"power": 6000, "avg": 6000}}))
    assert board.power == Power(watts=6.0, method="sum")
    assert [rail.name for rail in board.rails] == ["GPU", "CPU"]
    assert board_of(Jtop(power={"rail": {}, "tot": {"power": 0, "avg": 0}})).power is None


PARTS = ("gpu", "cpu", "memory", "temperature", "power", "fan", "engine", "processes", "nvpmodel", "uptime")
ODD: tuple[Any, ...] = (
    None,
    {},
    [],
    "x",
    7,
    {"RAM": None, "rail": None, "tot": None, "cpu": [None]},
    [[1]],
    {"x": {"y": 1}},
)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_property_costs_none_of_the_others(odd: Any) -> None:
    whole = board_of(Jtop())
    for part in PARTS:
        board = board_of(Jtop(**{part: odd}))
        if part != "gpu":
            assert board.gpus == whole.gpus
        if part != "memory":
            assert (board.memory, board.emc, board.swaps) == (whole.memory, whole.emc, whole.swaps)
        if part != "temperature":
            assert board.zones == whole.zones
    assert board_of(Jtop(**dict.fromkeys(PARTS, odd))).memory == Memory()


def followed(*clients: Jtop | Exception) -> tuple[FollowedSource, list[float], list[float]]:
    """A source whose thread's work is done at once: one client after the other, then the end. Its pauses; its clock."""
    left, pauses, now = list(clients), [], [0.0]

    def client(interval: float) -> Any:
        assert interval == 1.0
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return not left

    source = FollowedSource("jetson-stats", JtopFeed(client), clock=lambda: now[0], pause=pause)
    source.follow()
    return source, pauses, now


def failing(error: Exception) -> Jtop:
    jtop = Jtop()
    jtop.start_error = error
    return jtop


class JtopException(Exception):  # noqa: N818  jtop's name
    pass


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (
            lambda: failing(JtopException("The jtop.service is not active. Please run:\nsudo jtop --install-service")),
            "jtop.service does not run: sudo jtop --install-service",
        ),
        (
            lambda: failing(
                JtopException(
                    "Mismatch version jtop service: [4.3.2] and client: [7.2.2]. Please run:\n\n"
                    "sudo jtop --install-service"
                )
            ),
            r"Mismatch version jtop service: \[4.3.2\] and client: \[7.2.2\]: install the same jetson-stats here",
        ),
        (
            lambda: failing(JtopException("I can't access jtop.service.\nPlease logout or reboot this board.")),
            "sudo usermod -aG jtop",
        ),
        (
            lambda: failing(JtopException("Mismatch of Python versions between library and service")),
            "a Python that this one cannot talk to",
        ),
        (lambda: failing(EOFError()), "the connection to jtop.service was lost"),
        (lambda: failing(ValueError("odd\nthing")), "jtop: odd thing$"),
        (lambda: ImportError("no pynvml"), "jtop: no pynvml$"),
        (lambda: Jtop(answers=0), "jtop.service sent nothing for 3 s: sudo systemctl restart jtop"),
    ],
)
def test_why_there_is_nothing_is_said_with_the_fix(client: Callable[[], Any], words: str) -> None:
    source, _, _ = followed(client())
    with pytest.raises(SourceError, match=words) as raised:
        source.read()
    assert "\n" not in str(raised.value)


def test_the_last_data_is_told_for_three_intervals_and_no_longer() -> None:
    jtop = Jtop(answers=2)
    source, _, now = followed(jtop)
    assert source.read().emc.load == 0.43
    now[0] = 3.0
    assert source.read().emc.load == 0.43
    now[0] = 3.1
    with pytest.raises(SourceError, match="sent nothing for 3 s"):
        source.read()
    assert jtop.closed


def test_data_that_does_not_change_is_a_stall_too() -> None:
    """The client gives its old data again when the service hangs and its manager does not."""
    source, _, now = followed(Jtop(answers=9, frozen=True))
    now[0] = 3.1
    with pytest.raises(SourceError, match="sent nothing for 3 s"):
        source.read()


def test_a_new_client_of_a_service_that_hangs_gets_old_data_and_it_is_not_told_as_new() -> None:
    source, pauses, now = followed(Jtop(answers=3, frozen=True), Jtop(answers=3, frozen=True))
    assert pauses == [1.0, 2.0], "the second client brought nothing"
    now[0] = 3.1
    with pytest.raises(SourceError, match="sent nothing"):
        source.read()


def test_a_service_that_dies_in_the_middle_is_told_and_connected_to_again() -> None:
    dies = Jtop()
    dies.ok_error = JtopException("Lost connection with jtop server")
    source, pauses, _ = followed(dies, Jtop(answers=1, uptime=datetime.timedelta(seconds=300)))
    assert source.read().emc.load == 0.43
    assert pauses == [1.0, 1.0]


def test_it_is_tried_again_ever_later_but_at_least_every_minute() -> None:
    _, pauses, _ = followed(*[failing(JtopException("The jtop.service is not active.")) for _ in range(8)])
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
