"""What a device advises, as a user at the controller reads it."""

from __future__ import annotations

import click
import pytest

from jetson_deploy.cli.main import group
from jetson_deploy.fleet.device_hints import FLEET_FLAGS, for_controller, in_settings

SHOWN = [
    ("jetson-deploy up makes the first", "jetson-deploy fleet up HOST makes the first"),
    ("sudo jetson-deploy up", "jetson-deploy fleet up HOST"),
    (
        "jetson-deploy logs shows why; jetson-deploy up brings it back",
        "jetson-deploy fleet logs HOST shows why; jetson-deploy fleet up HOST brings it back",
    ),
    ("jetson-deploy up --force tries it again", "jetson-deploy fleet up HOST --force tries it again"),
    ("run `jetson-deploy up` again", "run `jetson-deploy fleet up HOST` again"),
    ("jetson-deploy status --drift", "jetson-deploy fleet drift HOST"),
    (
        "jetson-deploy up makes the first; another deployment is named with --name",
        "jetson-deploy fleet up HOST makes the first; another deployment is named with `name` (in its settings)",
    ),
    (
        "jetson-deploy up --context 4096, or end other programs and jetson-deploy up",
        "jetson-deploy fleet up HOST with `context: 4096` in its settings, "
        "or end other programs and jetson-deploy fleet up HOST",
    ),
    (
        "jetson-deploy up --refuse-cpu deploys it on the GPU",
        "jetson-deploy fleet up HOST with `gates: {accept_cpu: false}` in its settings deploys it on the GPU",
    ),
    ("jetson-deploy rollback 3 deploys it", "on the device: jetson-deploy rollback 3 deploys it"),
    ("jetson-deploy up NAME", "on the device: jetson-deploy up NAME"),
    ("jetson-deploy down --name old", "on the device: jetson-deploy down --name old"),
    (
        "jetson-deploy status shows it; sudo jetson-deploy recover mends it",
        "on the device: jetson-deploy status shows it; sudo jetson-deploy recover mends it",
    ),
    (
        "systemctl start docker, then jetson-deploy up",
        "on the device: systemctl start docker, then `jetson-deploy fleet up HOST` here",
    ),
    (
        "end other programs, or jetson-deploy up --context LESS",
        "on the device: end other programs, or `jetson-deploy fleet up HOST` here with `context: LESS` in its settings",
    ),
    (
        "free room (jetson-deploy model prune --store /a), or use another disk with --store DIR",
        "on the device: free room (jetson-deploy model prune --store /a), "
        "or use another disk with `store: DIR` (in its settings)",
    ),
    ("free some room", "on the device: free some room"),
    ("on the device: free some room", "on the device: free some room"),
    ("", ""),
]


@pytest.mark.parametrize(("hint", "shown"), SHOWN)
def test_a_devices_hint_names_the_fleets_command_or_says_where_it_is_typed(hint: str, shown: str) -> None:
    assert for_controller(hint) == shown


def test_a_hint_of_the_plan_names_keys_of_the_settings_and_not_flags_that_a_fleet_has_not() -> None:
    said = in_settings("--kv-cache-type q8_0, with a smaller --context; or accept it with --accept-cpu")
    assert said == "`kv_cache_type: q8_0`, with a smaller `context`; or accept it with --accept-cpu (in its settings)"


def test_the_fleet_has_every_flag_that_a_hint_keeps_for_it() -> None:
    fleet = group.get_command(click.Context(group), "fleet")
    assert isinstance(fleet, click.Group)
    for verb, flags in FLEET_FLAGS.items():
        command = fleet.get_command(click.Context(fleet), verb)
        assert command is not None
        assert flags <= {flag for one in command.params for flag in one.opts}, verb


@pytest.mark.parametrize(
    "piece", [" -a1", " -a 11", " --context 11", " 1/", "jetson-deploy up ", "`jetson-deploy logs"]
)
def test_a_device_cannot_make_its_hint_expensive(piece: str) -> None:
    assert for_controller("jetson-deploy up" + piece * 200_000 + "!").startswith(
        ("on the device: ", "jetson-deploy fleet")
    )
