"""What `ansible-inventory --list` answers → an inventory: what is used of a host's variables, and what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.catalog.parts import Part
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.inventory.checked import check_environment, check_settings, looks_secret, named_secret
from jetson_deploy.fleet.inventory.device_names import check_device_name, check_group_name, check_user_name
from jetson_deploy.fleet.inventory.entries import Port
from jetson_deploy.fleet.inventory.merging import ALL, UNGROUPED, with_groups
from jetson_deploy.names import shown

SETTINGS, ENVIRONMENT, ROLLOUT = "jetson_deploy", "jetson_deploy_environment", "jetson_deploy_rollout"
_ADDRESS = ("ansible_host", "ansible_ssh_host")
_USER = ("ansible_user", "ansible_ssh_user")
_PORT = ("ansible_port", "ansible_ssh_port")
_IDENTITY = ("ansible_ssh_private_key_file", "ansible_private_key_file")
USED = (*_ADDRESS, *_USER, *_PORT, *_IDENTITY, SETTINGS, ENVIRONMENT, ROLLOUT, "ansible_connection")
_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh")
_WITHOUT_MEANING = ("ansible_python_interpreter", "ansible_become", "ansible_become_user", "ansible_become_method")
_LONGEST = 256
Vars = Mapping[str, Any]


class _Group(msgspec.Struct):
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


def inventory_of(answer: Any, source: str, said: str) -> Inventory:
    """Raises UsageError for no host, names that cannot be, values that are used and are templates or encrypted."""
    try:
        meta = msgspec.convert(answer.pop("_meta", {}), dict[str, Any])
        groups = msgspec.convert(answer, dict[str, _Group])
        hostvars = msgspec.convert(meta.get("hostvars", {}), dict[str, dict[str, Any]])
    except (msgspec.ValidationError, AttributeError, TypeError):
        raise _error(
            source, "ansible-inventory gave another answer than it does up to 2.20", "inventory-unreadable"
        ) from None
    members = {name: tuple(dict.fromkeys(_inside(groups, name))) for name in groups}
    names = members.get(ALL, ())
    if not names:
        raise _error(source, f"Ansible finds no host in it. {said}".strip(), "inventory-empty")
    local = {
        name: how for name in names if (how := str(hostvars.get(name, {}).get("ansible_connection", "ssh"))) not in _SSH
    }
    devices = tuple(_device(source, name, hostvars.get(name, {})) for name in names if name not in local)
    if not devices:
        raise _error(source, "every host of it has another connection than ssh", "inventory-empty")
    kept = {one.name for one in devices}
    return with_groups(
        Inventory(
            source=source,
            devices=devices,
            groups={
                check_group_name(group): tuple(name for name in found if name in kept)
                for group, found in members.items()
                if group not in (ALL, UNGROUPED)
            },
            rollout=_rollout(source, {one.name: hostvars.get(one.name, {}) for one in devices}),
            notes=(
                *(f"{shown(name)} is left out: its connection is {shown(how)}" for name, how in local.items()),
                *_notes(hostvars),
            ),
            of_ansible=True,
        )
    )


def _inside(groups: Mapping[str, _Group], name: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Ansible refuses circles itself."""
    group = groups.get(name)
    if group is None or name in above:
        return
    yield from group.hosts
    for child in group.children:
        yield from _inside(groups, child, (*above, name))


def _device(source: str, name: str, given: Vars) -> Device:
    reading = _HostVars(source, check_device_name(name), given)
    address, user = reading.text(_ADDRESS), reading.text(_USER)
    return Device(
        name=name,
        address=None if address is None else reading.checked(check_device_name, address),
        user=None if user is None else reading.checked(check_user_name, user),
        port=reading.port(),
        identity_file=reading.text(_IDENTITY),
        variables={key: value for key, value in given.items() if _kept(key, value)},
        settings=reading.settings(),
        environment=reading.environment(),
    )


def _rollout(source: str, hostvars: Mapping[str, Vars]) -> dict[str, Any]:
    """It is one for all of them, and Ansible has variables of hosts alone."""
    said = {name: _HostVars(source, name, given).value((ROLLOUT,)) for name, given in hostvars.items()}
    first, found = next(iter(said.items()))
    other = next((name for name, value in said.items() if value != found), None)
    if other is not None:
        problem = f"{ROLLOUT} of {first} is not that of {other}: it belongs in group_vars/all"
        raise _error(source, problem, "inventory-bad-value")
    if not isinstance(found, dict | None):
        raise _error(source, f"{ROLLOUT} must be a map", "inventory-bad-value")
    return found or {}


class _HostVars:
    """Of one host: what is used of them, checked."""

    def __init__(self, source: str, host: str, given: Vars) -> None:
        self.source, self.host, self.given = source, host, given

    def value(self, names: tuple[str, ...]) -> Any:
        """Of the first that is said. Raises UsageError for a template, and for what is encrypted."""
        for name in names:
            found = self.given.get(name)
            if found is None:
                continue
            if unread := _unread(found):
                hint = (
                    "write the value itself for what is used: ansible_host, ansible_user, ansible_port, jetson_deploy"
                )
                problem = f"{self.source}: {name} of {self.host} {unread}"
                raise UsageError(problem, hint=hint, code="inventory-template")
            return found
        return None

    def text(self, names: tuple[str, ...]) -> str | None:
        found = self.value(names)
        if found is None:
            return None
        text = str(found)
        if not text.isprintable() or isinstance(found, (dict, list)):
            raise _error(self.source, f"{names[0]} of {self.host} is no text of one line", "inventory-bad-value")
        return text or None

    def port(self) -> int | None:
        found = self.value(_PORT)
        try:
            return None if found is None else msgspec.convert(found, Port, strict=False)
        except msgspec.ValidationError:
            raise _error(self.source, f"ansible_port of {self.host} is no port", "inventory-bad-value") from None

    def checked(self, check: Any, text: str) -> str:
        try:
            return str(check(text))
        except UsageError as error:
            raise error.with_context(message=f"{self.source}: {self.host}: {error.message}") from None

    def settings(self) -> dict[str, Any]:
        found = self.value((SETTINGS,)) or {}
        whose = f"device {self.host}, variable {SETTINGS}"
        if not isinstance(found, dict):
            raise _error(self.source, f"{SETTINGS} of {self.host} must be a map", "inventory-bad-value")
        check_settings(Part(Path(self.source), found, False), (), whose)
        return found

    def environment(self) -> dict[str, str]:
        found = self.value((ENVIRONMENT,)) or {}
        try:
            environment = msgspec.convert(found, dict[str, str])
        except msgspec.ValidationError:
            problem = f"{ENVIRONMENT} of {self.host} must be a map of texts"
            raise _error(self.source, problem, "inventory-bad-value") from None
        check_environment(environment, self.source, f"device {self.host}")
        return environment


def _unread(value: Any) -> str:
    if isinstance(value, dict):
        if "__ansible_vault" in value:
            return "is encrypted (vault)"
        return next(filter(None, map(_unread, value.values())), "")
    if isinstance(value, list):
        return next(filter(None, map(_unread, value)), "")
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        return "is a template ({{ … }}), which Ansible alone fills in"
    return ""


def _kept(name: str, value: Any) -> bool:
    """To choose and batch by: short plain values that are no connection's and no secret."""
    if name.startswith("ansible_") or name in USED or named_secret(name) or _unread(value):
        return False
    if isinstance(value, str):
        return len(value) <= _LONGEST and value.isprintable() and not looks_secret(value)
    return isinstance(value, (bool, int, float))


def _notes(hostvars: Mapping[str, Vars]) -> Iterator[str]:
    """Variables of connections that Ansible would use and we do not: a person must know."""
    unused: dict[str, int] = {}
    for given in hostvars.values():
        for name in given:
            if name.startswith("ansible_") and name not in USED and name not in _WITHOUT_MEANING:
                unused[name] = unused.get(name, 0) + 1
    for name, number in sorted(unused.items()):
        instead = "--sudo-password-file" if "become" in name else "~/.ssh/config"
        yield f"{shown(name)} ({number} devices) is not used; {instead} is"


def _error(source: str, problem: str, code: str) -> UsageError:
    text = "".join(sign if sign.isprintable() else " " for sign in f"{source}: {problem}")
    hint = f"ansible-inventory -i {shown(source)} --list shows what Ansible reads there"
    return UsageError(text, hint=hint, code=code)
