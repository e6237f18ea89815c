"""`fleet trust`: the host keys of devices that are met for the first time, shown, and kept when they are right."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.fleet.cells import REASON, cell
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.formatting import aligned
from jetson_deploy.cli.render import say
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult, EndState, result_of

if TYPE_CHECKING:
    from jetson_deploy.fleet.connection import Transport
    from jetson_deploy.fleet.host_keys import HostKeys, Offer


@click.command("trust")
@fleet_options
@click.option("--yes", is_flag=True, help="Keep new keys without asking.")
def command(*, fleet: FleetOptions, yes: bool) -> int:
    """Show the fingerprints of devices that are not known yet, ask, and keep their host keys in known_hosts.

    Compare them with what the devices say themselves: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub. A key that
    differs from the known one is never replaced. There is no login.
    """
    from jetson_deploy.cli.fleet.live import answers
    from jetson_deploy.cli.fleet.rows import answer_rows
    from jetson_deploy.cli.fleet.running import in_loop
    from jetson_deploy.fleet.opened import open_transport

    hosts = open_transport(ssh_config=fleet.ssh_config)

    async def make(_: Transport) -> list[DeviceResult]:
        offers, failed = await _asked(fleet, hosts)
        new = [offer for offer in offers if offer.standing == "new"]
        wanted = bool(new) and _confirmed(fleet, new, yes)
        if wanted:
            for offer in new:
                await hosts.trust(offer)
        results = [*(_result(offer, wanted) for offer in offers), *failed]
        for result in results:
            answers(fleet)(result)
        return results

    return answer_rows(fleet, "trust", in_loop(hosts, make), done="trusted")


async def _asked(fleet: FleetOptions, hosts: HostKeys) -> tuple[list[Offer], list[DeviceResult]]:
    from jetson_deploy.errors import JetsonDeployError
    from jetson_deploy.fleet.each import each

    failed: list[DeviceResult] = []

    def left_out(device: Device, error: JetsonDeployError) -> None:
        failed.append(result_of(device, error))

    found = await each(fleet.devices, hosts.offered, failed=left_out)
    return [offer for offer in found if offer is not None], failed


def _confirmed(fleet: FleetOptions, new: list[Offer], yes: bool) -> bool:
    if yes:
        return True
    for line in _fingerprints(new):
        say(line)
    if fleet.as_json or fleet.as_events or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    many = f"the keys of these {len(new)} devices" if len(new) > 1 else "this device's keys"
    return click.confirm(f"Keep {many} in {cell(new[0].where, REASON)}?", err=True)


def _fingerprints(offers: list[Offer]) -> Iterator[str]:
    rows = [(cell(offer.device.name), cell(offer.known_as), key) for offer in offers for key in offer.keys]
    yield from aligned([(device, name, cell(key.kind), cell(key.fingerprint, REASON)) for device, name, key in rows])


def _result(offer: Offer, wanted: bool) -> DeviceResult:
    keys = [{"kind": key.kind, "fingerprint": key.fingerprint} for key in offer.keys]
    document: dict[str, object] = {"known_as": offer.known_as, "standing": offer.standing, "keys": keys}
    name = offer.device.name
    if offer.standing == "known":
        return DeviceResult(device=name, state="unchanged", document=document)
    if offer.standing == "new":
        hint = "" if wanted else "compare them, then: jetson-deploy fleet trust --yes"
        reason = f"kept in {offer.where}" if wanted else "its keys are not known, and were not confirmed"
        code = "" if wanted else "host-key-unknown"
        state: EndState = "done" if wanted else "refused"
        return DeviceResult(device=name, state=state, reason=reason, hint=hint, code=code, document=document)
    shown = ", ".join(key.fingerprint for key in offer.keys)
    reason = f"{offer.where} has another key than the device shows: {shown}"
    if offer.standing == "revoked":
        reason = f"{offer.where} marks its key as revoked"
    hint = f"only if the device was set up anew: ssh-keygen -R '{offer.known_as}'"
    code = f"host-key-{offer.standing}"
    return DeviceResult(device=name, state="refused", reason=reason, hint=hint, code=code, document=document)
