"""Ansible's inventories: Ansible reads them (`ansible-inventory --list`), so that every rule of its own holds.

Files of INI and YAML with their group_vars and host_vars. What would be run, programs and plugins, is not.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.catalog.wording import shown
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Inventory
from jetson_deploy.fleet.inventory.ansible_hosts import inventory_of

PROGRAM = "ansible-inventory"
SECONDS = 120.0
MOST_FILES = 10_000
_VARS = {"group_vars", "host_vars"}
_SET = {
    "ANSIBLE_INVENTORY_ENABLED": "yaml,ini",
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true",
    "ANSIBLE_INVENTORY_EXPORT": "false",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_DEPRECATION_WARNINGS": "false",
    "ANSIBLE_LOCALHOST_WARNING": "false",
}
_LOADED = {"ANSIBLE_FORCE_COLOR", "ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_INVENTORY"}


def read_ansible(path: Path) -> Inventory:
    """Raises UsageError: Ansible is not installed, the file would be run, names no host, cannot be read."""
    for file in _programs(path):
        hint = f"chmod -x {shown(file, 400)}, if it is INI or YAML; what a program answers can be saved as YAML"
        problem = f"{shown(file, 400)} is executable: Ansible would run it as a program"
        raise UsageError(problem, hint=hint, code="inventory-executable")
    answer, said = _asked(path)
    return inventory_of(answer, str(path), cause(said))


def _programs(path: Path) -> Iterator[Path]:
    """Executable files that Ansible would take for sources of the inventory."""
    for number, file in enumerate(_sources(path)):
        if number > MOST_FILES:
            hint = "name the inventory itself"
            raise UsageError(f"{shown(path, 400)} holds too many files", hint=hint, code="inventory-unreadable")
        if file.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
            yield file


def _sources(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name not in _VARS]
        yield from (file for name in files if (file := Path(folder, name)).is_file())


def _asked(path: Path) -> tuple[Any, str]:
    """What it answers, and what it says beside that."""
    environment = {name: value for name, value in os.environ.items() if name not in _LOADED} | _SET
    try:
        ran = subprocess.run(
            [_program(path), "-i", str(path.absolute()), "--list"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unreadable(path, f"{PROGRAM} did not answer within {SECONDS:g} s") from None
    except OSError as error:
        raise _unreadable(path, f"{PROGRAM} cannot be started: {error.strerror}") from None
    said = ran.stderr.decode(errors="replace")
    if ran.returncode != 0:
        raise _unreadable(path, cause(said) or f"{PROGRAM} ended with exit code {ran.returncode}")
    try:
        return msgspec.json.decode(ran.stdout), said
    except msgspec.DecodeError:
        raise _unreadable(path, f"{PROGRAM} gave no JSON") from None


def cause(said: str) -> str:
    """The line of its warnings and errors that tells most: with what is wrong, without which plugin tried."""
    lines = [line.removeprefix("[WARNING]: ").removeprefix("[ERROR]: ").strip() for line in said.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("<<<", "Origin:", "(source not"))]
    of_plugins = [
        line.partition(" plugin: ")[2] for line in telling if line.startswith("Failed to parse inventory with")
    ]
    return next((line for line in (*of_plugins, *telling) if line), "")[:300]


def _program(path: Path) -> str:
    beside = Path(sys.executable).with_name(PROGRAM)
    found = str(beside) if beside.is_file() else shutil.which(PROGRAM)
    if found is None:
        problem = f"{shown(path, 400)} is an inventory of Ansible, and {PROGRAM} is not installed here"
        hint = "install ansible-core, or name the devices in a fleet.yaml: jetson-deploy fleet inventory --example"
        raise UsageError(problem, hint=hint, code="ansible-missing")
    return found


def _unreadable(path: Path, problem: str) -> UsageError:
    hint = f"{PROGRAM} -i {shown(path, 400)} --list shows what Ansible says of it"
    text = "".join(sign if sign.isprintable() else " " for sign in problem)
    return UsageError(f"{shown(path, 400)}: {text}", hint=hint, code="inventory-unreadable")
