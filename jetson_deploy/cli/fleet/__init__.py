"""`fleet`: many devices over SSH; its commands, one module each, and what they share.

    options.py        which devices, and how they are reached
    running.py        one event loop; Ctrl-C ends it in order
    rows.py           a row for each device; the documents and the exit code
    cells.py          a device's text, which stays in its row
    records.py        records of rollouts, which ask no device
    agreed.py, rolling.py, narrated.py   a rollout: shown and agreed to, carried out, narrated

A verb is a module here and a line in COMMANDS.
"""

from __future__ import annotations

import click

from jetson_deploy.cli.command_group import CommandGroup

COMMANDS = {
    "inventory": "List devices and groups, and what is asked of each",
    "add": "Connect to devices, show them, and write them into fleet.yaml",
    "trust": "Show and keep the host keys of new devices",
    "run": "Run a command on devices",
    "up": "Deploy in batches, each let through by its devices' proofs",
    "resume": "Take a rollout up again, as its record and its devices say",
    "history": "List the rollouts that were begun on this machine",
    "show": "Show a rollout, with the end of every device",
    "pause": "Begin no new device of a rollout, until it is resumed",
    "abort": "End a rollout when the devices at work have ended",
    "hosts": "Show who answers, and what each device is and has",
    "plan": "Show what would be deployed on each device, and in sum",
    "status": "Show what serves on each device, and its health",
    "logs": "Show the servers' logs, each line with its device",
    "drift": "Show what is not as it was deployed",
    "alerts": "Show the alerts whose condition holds on each device",
    "top": "Show speed, GPU, memory, heat and alerts of each device, live",
    "rollback": "Deploy the revision before again on each device",
    "down": "Remove the deployment on each device",
}


@click.command("fleet", cls=CommandGroup, listed=COMMANDS, package="jetson_deploy.cli.fleet")
def command() -> None:
    """Plan, deploy and watch many devices over SSH.

    Devices come from fleet.yaml here, from -i FILE, or from -i HOST,HOST, where no file is needed. HOST and --limit
    choose among them by name, group, or Ansible's patterns: A:B or, A:&B and, A:!B not, a*, ~REGEX, GROUP[0:2].
    """
