"""Rollouts over boards that are steered from outside: aborted, held by a window or a budget, brought back to nothing.

By command alone (scripts/test faults --full): each is a rollout of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from board_faults import Board
from board_site import SECONDS, Site, states
from fleet_boards import booted_boards, controller

pytestmark = [pytest.mark.integration, pytest.mark.fault("F23"), pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with booted_boards(3, kind="light") as fleet:
        yield Site(fleet)


def untouched(site: Site, names: list[str], before: dict[str, tuple[int, int]]) -> None:
    assert {name: site.recorded(name) for name in names} == {name: before[name] for name in names}


def test_an_abort_lets_the_board_at_work_end_and_begins_no_other(site: Site) -> None:
    before = {name: site.recorded(name) for name in site.names}
    site.ask(3072, sequence=[{"limit": 1}])
    count = site.count()
    with site.working("up", "--yes") as process:
        site.wait_for(count, "device-started", site.names[0])
        asked = controller(site.fleet, "fleet", "abort")
        out, err = process.communicate(timeout=SECONDS)
    assert asked.returncode == 0, asked.stderr
    assert process.returncode == 9, err
    document = json.loads(out)
    assert states(document) == {site.names[0]: "proven", **dict.fromkeys(site.names[1:], "not-started")}
    assert document["rollout"]["result"] == "aborted"
    untouched(site, site.names[1:], before)
    late = controller(site.fleet, "fleet", "abort")
    assert (late.returncode, "no controller works on rollout" in late.stderr) == (2, True), late.stderr
    code, resumed = site.typed("resume")
    assert (code, set(states(resumed).values())) == (0, {"proven"}), resumed


def test_outside_its_window_no_board_is_begun_and_it_is_said_until_when(site: Site) -> None:
    before = {name: site.recorded(name) for name in site.names}
    opens = datetime.now() + timedelta(hours=2)
    site.ask(2048, update_window={"hours": f"{opens:%H}:00-{opens + timedelta(hours=1):%H}:00"})
    count = site.count()
    with site.working("up", "--yes") as process:
        site.wait_for(count, "held")
        shown = json.loads(controller(site.fleet, "fleet", "show", "--json").stdout)
        assert controller(site.fleet, "fleet", "abort").returncode == 0
        out, _ = process.communicate(timeout=SECONDS)
    assert shown["held"] == f"outside the update window; it opens {opens:%a %H}:00"
    assert process.returncode == 9
    assert set(states(json.loads(out)).values()) == {"not-started"}
    untouched(site, site.names, before)


def test_the_budget_lets_one_board_of_a_rack_be_away_at_a_time(site: Site) -> None:
    first, second, third = site.names
    for name, rack in ((first, "a"), (second, "a"), (third, "b")):
        site.host(name, variables={"rack": rack})
    site.ask(2048, sequence=[{}], disruption_budget={"min_available": 1, "group_by": "variables.rack"})
    code, document = site.typed("up", "--yes")
    # Rack b has one board, and one must stay available: it is never begun.
    assert code == 9
    assert states(document) == {first: "proven", second: "proven", third: "deferred"}, document["devices"]
    (row,) = (one for one in document["devices"] if one["device"] == third)
    assert row["reason"] == "1 of 1 devices of variables.rack b must stay available, 0 are not (min_available)"
    lines = [json.loads(line) for line in site.record().read_bytes().splitlines()]
    order = [(one["kind"], one["device"]) for one in lines if one.get("device") in (first, second)]
    other = order.index(("device-started", second))
    assert order.index(("device-serves", first)) < other or order.index(("device-serves", second)) < order.index(
        ("device-started", first)
    )


def test_rollback_all_takes_a_board_that_had_nothing_down_and_keeps_image_and_model(site: Site) -> None:
    first, second, _ = site.names
    fresh = Board(site, first)
    assert fresh.sh("jetson-deploy down --json")
    store = "find /var/lib/jetson-deploy/models/blobs -type f | sort"
    blobs, images = fresh.sh(store), fresh.sh("curl -s --unix-socket /run/docker.sock http://x/images/json")
    assert blobs.count("sha256-") >= 4
    assert images != "[]"
    before = site.recorded(second)
    site.spoil(second, 4096)
    site.ask(4096, sequence=[{"selector": first}, {"selector": second}], success_threshold="100%")
    code, document = site.typed("up", "--yes", "--rollback-all", "--limit", f"{first}:{second}")
    assert code == 9
    assert states(document) == {first: "rolled-back", second: "rolled-back"}, document["devices"]
    (row,) = (one for one in document["devices"] if one["device"] == first)
    assert row["reason"].startswith("rolled back with the rollout: batch 2")
    assert fresh.sh(store) == blobs
    assert fresh.sh("curl -s --unix-socket /run/docker.sock http://x/images/json") == images
    assert fresh.sh("curl -s --unix-socket /run/docker.sock 'http://x/containers/json?all=1'").strip() == "[]"
    assert site.recorded(second) == before
    code, healths = site.typed("status", "--limit", f"{first}:{second}")
    assert code == 9
    assert {one["device"]: one["code"] for one in healths["devices"]} == {first: "nothing-deployed", second: ""}


def test_retry_failed_begins_with_those_that_failed_and_leaves_the_others(site: Site) -> None:
    first, second, third = site.names
    before = site.recorded(third)
    site.behave(second, {})
    site.ask(4096)
    code, document = site.typed("up", "--yes", "--retry-failed")
    # What failed there before is not tried again by itself.
    assert code == 9
    assert sorted(states(document)) == [first, second]
    code, document = site.typed("up", "--yes", "--retry-failed", "--force")
    assert (code, set(states(document).values())) == (0, {"proven"}), document["devices"]
    assert site.recorded(third) == before
