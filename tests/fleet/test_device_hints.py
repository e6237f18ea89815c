"""What a device advises, as a user at the controller reads it."""

from __future__ import annotations

import pytest

from jetson_deploy.fleet.device_hints import for_controller

SHOWN = [
    ("jetson-deploy up makes the first", "jetson-deploy fleet up HOST makes the first"),
    ("sudo jetson-deploy up", "jetson-deploy fleet up HOST"),
    (
        "jetson-deploy logs shows why; jetson-deploy up brings it back",
        "jetson-deploy fleet logs HOST shows why; jetson-deploy fleet up HOST brings it back",
    ),
    ("jetson-deploy up --force tries it again", "on the device: jetson-deploy up --force tries it again"),
    ("jetson-deploy rollback 3 deploys it", "on the device: jetson-deploy rollback 3 deploys it"),
    ("jetson-deploy up NAME", "on the device: jetson-deploy up NAME"),
    (
        "jetson-deploy status shows it; sudo jetson-deploy recover mends it",
        "on the device: jetson-deploy status shows it; sudo jetson-deploy recover mends it",
    ),
    ("systemctl start docker, then jetson-deploy up", "on the device: systemctl start docker, then jetson-deploy up"),
    ("free some room", "on the device: free some room"),
    ("on the device: free some room", "on the device: free some room"),
    ("", ""),
]


@pytest.mark.parametrize(("hint", "shown"), SHOWN)
def test_a_devices_hint_names_the_fleets_command_or_says_where_it_is_typed(hint: str, shown: str) -> None:
    assert for_controller(hint) == shown
