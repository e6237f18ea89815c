"""A rollout over light boards, whose tool, units and records are real: canary, kill -9, two controllers, back again."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_site import SECONDS, Site, states
from fleet_boards import booted_boards, controller

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with booted_boards(3, kind="light") as fleet:
        yield Site(fleet)


def test_after_kill_9_and_ctrl_c_resume_ends_what_was_begun_and_starts_nothing_twice(site: Site) -> None:
    site.ask(3072, sequence=[{"limit": 2}])
    before, began = site.count(), {name: site.serving(name)[1] for name in site.names}
    with site.working("up", "--yes") as process:
        site.wait_for(before, "device-started", site.names[1])
        second = controller(site.fleet, "fleet", "resume", *site.where())
        process.send_signal(signal.SIGKILL)
    assert second.returncode == 75, second.stderr
    assert "is worked on by another controller" in second.stderr
    with site.working("resume") as process:
        site.wait_for(before, "taken", lines=2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    rollout = site.record().parent.name
    assert json.loads(out)["hint"] == (
        f"the devices that were begun go on; jetson-deploy fleet resume {rollout} takes it up again"
    )
    code, document = site.typed("resume")
    assert (code, set(states(document).values())) == (0, {"proven"}), document
    for name in site.names:
        context, revision = site.serving(name)
        assert (context, revision - began[name]) == (3072, 1), f"{name} was deployed once"


def test_a_canary_that_fails_is_rolled_back_by_itself_and_no_other_board_is_touched(site: Site) -> None:
    first, *others = site.names
    before = [site.serving(name) for name in others]
    site.spoil(first, 2048)
    site.ask(2048)
    code, document = site.typed("up", "--yes")
    assert code == 9
    assert states(document) == {first: "rolled-back", **dict.fromkeys(others, "not-started")}
    [failed] = [one for one in document["devices"] if one["device"] == first]
    assert failed["reason"]
    assert [site.serving(name) for name in others] == before
    unit = document["rollout"]["id"]
    for place in site.fleet.places[1:]:
        assert site.fleet.ssh(place, f"ls /var/lib/jetson-deploy/fleet/jd-fleet-{unit}").returncode != 0
    assert site.serving(first)[0] == before[0][0]


def test_a_rollout_that_stops_brings_back_what_it_changed_where_that_is_asked_for(site: Site) -> None:
    first, second = names = site.names[:2]
    before = [site.serving(name)[0] for name in names]
    site.spoil(second, 2560)
    site.ask(2560, sequence=[{"limit": 1}], success_threshold="100%")
    code, document = site.typed("up", "--yes", "--rollback-all", "--limit", f"{first},{second}")
    assert code == 9
    assert states(document)[first] == states(document)[second] == "rolled-back", document
    assert [site.serving(name)[0] for name in names] == before
    reasons = {one["device"]: one["reason"] for one in document["devices"]}
    assert reasons[first].startswith("rolled back with the rollout: batch 2")
    assert document["rollout"]["result"] == "stopped"
    shown = controller(site.fleet, "fleet", "show", "-1")
    assert shown.returncode == 0
    assert [line.split()[0] for line in shown.stdout.splitlines() if line.startswith("board-")] == names


def test_an_inventory_of_ansible_is_planned_and_rolled_out_as_its_group_variables_say(
    site: Site, tmp_path: Path
) -> None:
    canary, *others = site.names
    hosts = [f"{place.name} ansible_host={place.address} ansible_user=root" for place in site.fleet.places]
    (tmp_path / "hosts.ini").write_text("[orin]\n" + "\n".join(hosts))
    said = {
        "jetson_deploy": {"context": 2304},
        "jetson_deploy_environment": site.fleet.environment,
        "jetson_deploy_rollout": {"sequence": [{"selector": canary, "soak": "1s"}, {"selector": "orin"}], "soak": 0.2},
    }
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text(json.dumps(said))
    site.behave(canary, {})
    words = ("-i", str(tmp_path), "--ssh-config", str(site.fleet.ssh_config), "--json")
    planned = json.loads(controller(site.fleet, "fleet", "plan", *words).stdout)
    assert {one["document"]["decided"]["context_tokens"] for one in planned["devices"]} == {2304}, planned
    done = controller(site.fleet, "fleet", "up", "--yes", *words, seconds=SECONDS)
    document = json.loads(done.stdout)
    assert (done.returncode, set(states(document).values())) == (0, {"proven"}), document["devices"]
    assert [batch["devices"] for batch in document["rollout"]["batches"]] == [1, len(others)]
    assert {site.serving(name)[0] for name in site.names} == {2304}
