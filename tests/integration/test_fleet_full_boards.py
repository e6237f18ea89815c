"""Three boards with a real engine each: a rollout fetches, deploys and proves there with real tokens."""

from __future__ import annotations

import json

import pytest
from fleet_boards import booted_boards, controller

pytestmark = pytest.mark.integration


@pytest.mark.fault("F23")
def test_a_rollout_deploys_with_real_tokens_on_every_board() -> None:
    with booted_boards(3, kind="full") as fleet:
        reach = ("-i", str(fleet.inventory), "--ssh-config", str(fleet.ssh_config))
        done = controller(fleet, "fleet", "up", *reach, "--accept-cpu", "--yes", "--soak", "1s", "--json", seconds=240)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        rows = {row["device"]: row["state"] for row in json.loads(done.stdout)["devices"]}
        assert rows == {place.name: "proven" for place in fleet.places}
        running = fleet.ssh(fleet.places[0], "docker ps --format '{{.Names}}'").stdout
        assert running == "jd-default-1\n"
