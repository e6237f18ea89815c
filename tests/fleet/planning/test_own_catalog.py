"""A device's own catalog is read there and decides, as it does for the tool on the device; it is text of a stranger."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import msgspec
import pytest
from local_device import CannedTransport, LocalDevice, packed_answer, read_roots

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.planning.device_plan import DevicePlan
from jetson_deploy.fleet.planning.make import as_result, plan_for
from jetson_deploy.fleet.reading.answer import BoardAnswer
from jetson_deploy.fleet.reading.asked import asked_of
from jetson_deploy.fleet.reading.own_catalog import MOST_BYTES, MOST_FILES
from jetson_deploy.fleet.reading.read import read
from jetson_deploy.fleet.reading.seen import look
from jetson_deploy.plan.make import draft_plan

NANO = Path(__file__).parents[2] / "hosts/orin-nano-8gb-jp6.2/root"
MORE_RESERVE = "host_reserve_bytes: {value: 4000000000, unit: bytes, source: [my desk], confidence: reported}\n"
LIMITS = "profiles/limits.yaml"
Catalogs = dict[str, dict[str, str] | None]


@functools.cache
def built_in() -> Catalog:
    return load_catalog()


def read_here(*overlays: Path) -> BoardAnswer:
    """By the script itself, on this machine."""
    environment = {"JETSON_DEPLOY_CATALOG": ":".join(map(str, overlays)), "DOCKER_HOST": "unix:///nonexistent"}
    return asyncio.run(read(LocalDevice(environment=environment))).answer.board


def planned(overlays: tuple[str, ...], catalogs: Catalogs, **environment: str) -> DevicePlan:
    board = BoardAnswer(machine="aarch64", root=True, overlays=overlays, catalogs=catalogs)
    answer = packed_answer(msgspec.structs.replace(read_roots([NANO])[NANO], board=board))
    device = Device(name="d", environment=environment)
    seen = asyncio.run(look(CannedTransport({"d": answer}), device, asked_of(device), built_in()))
    return plan_for(seen, built_in())


def overlay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_the_plan_is_that_of_the_device_with_its_own_catalog(tmp_path: Path) -> None:
    mine = overlay(tmp_path / "mine", {LIMITS: MORE_RESERVE, "profiles/boards/.hidden.yaml": "x", "profiles/note": "x"})
    said = read_here(mine)
    by_fleet = planned(said.overlays, said.catalogs)
    device = Device(name="d")
    asked = asked_of(device)
    here = load_catalog((mine,), system_dir=tmp_path / "none", user_dir=tmp_path / "none")
    facts = survey(NANO, asked.settings, here, store=None, deployment="default")
    own = draft_plan(facts, asked.request, here).plan
    assert own is not None and by_fleet.decided is not None
    assert (by_fleet.decided.image, by_fleet.decided.model) == (own.image.reference, own.model.name)
    assert by_fleet.decided.context_tokens == own.model.context_tokens
    other = planned((), {}).decided
    assert other is not None
    assert (other.model, other.context_tokens) != (by_fleet.decided.model, by_fleet.decided.context_tokens)
    assert not as_result("d", by_fleet).reason


def test_the_last_of_two_overlays_wins_as_on_the_device(tmp_path: Path) -> None:
    low = overlay(tmp_path / "low", {LIMITS: MORE_RESERVE})
    high = overlay(tmp_path / "high", {LIMITS: MORE_RESERVE.replace("4000000000", "536870912")})
    said = read_here(low, high)
    assert said.overlays == (str(low), str(high))
    assert planned(said.overlays, said.catalogs).decided == planned((), {}).decided


def test_a_catalog_that_the_tool_there_would_refuse_refuses_the_device_and_names_the_file_there() -> None:
    plan = planned(("/etc/jetson-deploy",), {"/etc/jetson-deploy": {LIMITS: "host_reserve_bites: {value: 1}\n"}})
    (refusal,) = plan.refusals
    assert "/etc/jetson-deploy/profiles/limits.yaml" in refusal.cause
    assert "jd-catalog" not in refusal.cause + refusal.fix
    assert refusal.fix.startswith("on the device: ")


def test_a_directory_that_nothing_reads_is_refused_here_as_there(tmp_path: Path) -> None:
    mine = overlay(tmp_path / "mine", {"profiles/bords/x.yaml": "x: 1\n"})
    said = read_here(mine)
    (refusal,) = planned(said.overlays, said.catalogs).refusals
    assert refusal.code == "catalog-unknown-file"


def test_an_overlay_that_the_inventory_names_and_the_device_lacks_refuses_it() -> None:
    (refusal,) = planned((), {}, JETSON_DEPLOY_CATALOG="/srv/catalog").refusals
    assert refusal.code == "catalog-overlay-missing"


@pytest.mark.parametrize(
    "files",
    [
        {f"profiles/boards/{number}.yaml": "" for number in range(MOST_FILES + 1)},
        {LIMITS: "#" * (MOST_BYTES + 1)},
    ],
    ids=["too many files", "too many bytes"],
)
def test_what_is_too_much_is_not_sent_and_the_device_is_marked(files: dict[str, str], tmp_path: Path) -> None:
    said = read_here(overlay(tmp_path / "mine", files))
    assert said.catalogs == {str(tmp_path / "mine"): None}
    assert as_result("d", planned(said.overlays, said.catalogs)).reason.startswith("it has a catalog of its own")
    assert as_result("d", planned(("/etc/x",), {"/etc/x": files})).reason.startswith("it has a catalog of its own")


@pytest.mark.parametrize(
    "name",
    ["../x.yaml", "profiles/../../x.yaml", "/etc/x.yaml", "profiles/boards/../../../x.yaml", "profiles/a\x1b[2J.yaml",
     "profiles//x.yaml", f"{LIMITS}/",
     f"{LIMITS}/x.yaml", "x.yaml", "profiles/\0.yaml", "profiles/a/b/c.yaml", "profiles/" + "x" * 300 + ".yaml"],
)  # fmt: skip
def test_a_file_that_lies_in_no_catalog_is_written_nowhere(name: str) -> None:
    plan = planned(("/etc/x",), {"/etc/x": {LIMITS: MORE_RESERVE, name: "x: 1\n"}})
    assert as_result("d", plan).reason.startswith("it has a catalog of its own")
    assert plan.decided == planned((), {}).decided


@pytest.mark.parametrize("text", ["{", "a: &x [*x]", "[" * 5000, "\xff\xfe", "x: " + "9" * 4000, "\u4e00", "a: b: c"])
def test_text_that_is_no_catalog_refuses_the_device_alone(text: str) -> None:
    plan = planned(("/etc/x",), {"/etc/x": {LIMITS: text, "profiles/boards/": ""}})
    assert len(plan.refusals) == 1
    assert plan.refusals[0].cause
