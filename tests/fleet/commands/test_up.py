"""`fleet up` and `fleet resume` up to where a device would be changed: what is shown, asked, refused, and recorded."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fleet_work import Board, Controller, FakeWork, begun

from jetson_deploy.cli.fleet.agreed import confirm_rollout, summed
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.fleet.rolling import arguments_of
from jetson_deploy.cli.main import main
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.inventory.typed import typed_inventory
from jetson_deploy.fleet.planning.device_plan import Decided, DevicePlan
from jetson_deploy.fleet.planning.planned import PlannedDevice
from jetson_deploy.fleet.planning.saved import SavedPlan, held_to
from jetson_deploy.fleet.rollout.kept import ids
from jetson_deploy.fleet.rollout.lines import Asked
from jetson_deploy.fleet.rollout.record import taken
from jetson_deploy.settings import Settings

Typed = Callable[..., tuple[int, str, str]]
IMAGE = "dustynv/ollama:0.6.8-r36.4@sha256:" + 64 * "a"


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typed:
    monkeypatch.setenv("JETSON_DEPLOY_FLEET_DIR", str(tmp_path / "fleet"))
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["fleet", *arguments])
        shown = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, shown.out, shown.err

    return run


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Bound, and nothing listens on it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_device_that_cannot_be_reached_ends_so_and_the_record_has_it(
    typed: Typed, closed_port: int, tmp_path: Path
) -> None:
    code, out, err = typed("up", "-i", f"127.0.0.1:{closed_port},", "--yes", "--json")
    assert code == 9, err
    document = json.loads(out)
    assert document["schema"] == "jetson-deploy.fleet-up/1"
    assert [(one["device"], one["state"]) for one in document["devices"]] == [
        (f"127.0.0.1:{closed_port}", "unreachable")
    ]
    [rollout] = ids(tmp_path / "fleet")
    assert document["rollout"]["id"] == rollout
    assert document["rollout"]["result"] == "stopped"
    again, out, err = typed("resume", "--json")
    assert again == 9, err
    assert json.loads(out)["rollout"]["id"] == rollout


def test_retry_failed_selects_what_the_last_rollout_left(typed: Typed, closed_port: int) -> None:
    port = f"127.0.0.1:{closed_port}"
    typed("up", "-i", f"{port},", "--yes", "-q")
    code, out, _ = typed("up", "-i", f"{port},localhost:{closed_port},", "--yes", "--json", "--retry-failed")
    assert code == 9
    assert [one["device"] for one in json.loads(out)["devices"]] == [port]
    code, _, err = typed("up", "-i", f"localhost:{closed_port},", "--yes", "--retry-failed")
    assert code == 2
    assert "left no selected device that is not as wanted" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--canary", "other"], "--canary 'other' is not among the devices"),
        (["--batch", "many"], "--batch: 'many' cannot be read"),
        (["--batch", "0"], "--batch: no device at all"),
        (["--soak", "long"], "--soak: 'long' cannot be read"),
        (["--plan", "/dev/null"], "'/dev/null' is no saved plan"),
        (["--when-idle", "0"], "--when-idle"),
        (["--model", "--purge"], "'--purge' is not a model name"),
        (["--model="], "'' is not a model name"),
        (["--limit", ""], "the pattern '' names nothing"),
        (["--ssh-config", "/nowhere/config"], "--ssh-config"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_begun(
    typed: Typed, closed_port: int, tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, _, err = typed("up", "-i", f"127.0.0.1:{closed_port},", "--yes", *arguments)
    assert code == 2
    assert message in err
    assert ids(tmp_path / "fleet") == []


def test_a_rollout_that_another_controller_works_on_is_not_resumed(typed: Typed, tmp_path: Path) -> None:
    boards = [Board("a1", "failed")]
    directory = tmp_path / "fleet" / "20261129T090000Z-2c2c"
    Controller(directory, FakeWork(boards)).up(begun(boards, named=directory.name))
    with taken(directory):
        code, _, err = typed("resume", "-i", "a1,")
    assert code == 75
    assert "is worked on by another controller: someone on laptop (pid 1) since 2026-11-29" in err


def test_an_inventory_that_asks_for_something_else_is_no_ground_to_resume(typed: Typed, tmp_path: Path) -> None:
    boards = [Board("a1", "failed"), Board("a2")]
    directory = tmp_path / "fleet" / "20261129T090000Z-2c2c"
    Controller(directory, FakeWork(boards)).up(begun(boards, named=directory.name))
    (tmp_path / "fleet.yaml").write_text("hosts: {a1: {variables: {rack: b}}, a2: {settings: {context: 4096}}}")
    code, _, err = typed("resume", "-i", str(tmp_path / "fleet.yaml"))
    assert code == 2
    assert "the inventory asks for something else for 1 of the rollout's devices: a2" in err
    code, _, err = typed("resume", "-i", "a1,")
    assert code == 2
    assert "the inventory no longer has 1 of the rollout's devices: a2" in err


@pytest.mark.parametrize(
    ("asked", "arguments"),
    [
        (Asked(), ()),
        (Asked(model="7b", accept_cpu=True, force=True), ("7b", "--accept-cpu", "--force")),
        (Asked(when_idle=90.0), ("--when-idle", "90")),
    ],
)
def test_what_is_asked_of_all_goes_to_up_on_each(asked: Asked, arguments: tuple[str, ...]) -> None:
    assert arguments_of(asked) == arguments


def fleet(*names: str) -> FleetOptions:
    inventory = typed_inventory(names)
    return FleetOptions(
        inventory=inventory,
        devices=inventory.devices,
        as_json=False,
        as_events=False,
        quiet=False,
        verbose=False,
        settings=Settings(),
    )


def planned(name: str, *steps: str, bytes_: int = 0) -> PlannedDevice:
    decided = Decided(image=IMAGE, model="deepseek-r1:7b", context_tokens=4096, port=11434, steps=steps)
    plan = DevicePlan(decided=decided, key="k", model_bytes=bytes_)
    return PlannedDevice(result=DeviceResult(device=name, state="done"), plan=plan)


REFUSED = PlannedDevice(
    result=DeviceResult(device="c", state="refused", reason="no image for \x1b[2JL4T 32", hint="flash it"),
    plan=DevicePlan(),
)


def test_what_would_be_done_is_shown_in_sum_with_the_batches() -> None:
    found = [planned("a", "stage-model x", bytes_=4 << 30), planned("b"), REFUSED]
    boards = [Board("a"), Board("b"), Board("c")]
    opened = begun(boards, keys={"a": "k", "b": "k", "c": None}, results=[REFUSED.result])
    text = "\n".join(summed(opened, found))
    assert text.splitlines()[:3] == [
        "to be changed: 1 device, to deepseek-r1:7b with dustynv/ollama:0.6.8-r36.4",
        "to be fetched: 4.0 GiB in all",
        "as wanted already, and checked: 1 device",
    ]
    assert "\x1b" not in text
    assert [line.split()[:2] for line in text.splitlines() if line[:1].isdigit()][-1] == ["3", "without"]


def test_without_a_terminal_a_change_needs_the_yes(capsys: pytest.CaptureFixture[str]) -> None:
    opened = begun([Board("a")])
    with pytest.raises(UsageError, match="1 device would be changed"):
        confirm_rollout(fleet("a"), opened, [planned("a", "stage-model x")], yes=False)
    confirm_rollout(fleet("a"), opened, [planned("a", "stage-model x")], yes=True)
    confirm_rollout(fleet("a"), opened, [planned("a")], yes=False)


def test_a_saved_plan_is_kept_to_or_the_device_is_refused() -> None:
    was = planned("a", "stage-model x").plan
    assert was is not None
    saved = SavedPlan(version="1", at="", inventory="", devices={"a": was})
    same = planned("a", "stage-model x")
    assert held_to(saved, same) is same
    moved = held_to(saved, planned("a", "stage-model y"))
    assert (moved.result.state, moved.result.code) == ("refused", "plan-moved")
    assert "stage-model y" in moved.result.reason
    assert held_to(saved, planned("b")).result.reason.endswith("it does not have this device")
    lost = PlannedDevice(result=DeviceResult(device="a", state="unreachable"))
    assert held_to(saved, lost) is lost


def test_without_a_terminal_devices_that_could_not_be_read_need_the_yes_too(
    typed: Typed, closed_port: int, tmp_path: Path
) -> None:
    code, _, err = typed("up", "-i", f"127.0.0.1:{closed_port},")
    assert code == 2
    assert "0 devices, and 1 device that could not be read would be changed" in err
    assert ids(tmp_path / "fleet") == []


def test_a_machine_without_ssh_is_said_at_once_and_no_device_is_called_unknown(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = typed("up", "-i", "a1,", "--yes")
    assert code == 3
    assert "`ssh` is not on PATH" in err
    assert ids(tmp_path / "fleet") == []
