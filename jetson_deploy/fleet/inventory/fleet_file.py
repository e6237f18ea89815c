"""fleet.yaml → an inventory. Unknown keys and names, circles of groups: each is refused with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from jetson_deploy.catalog.convert import KeyPath, convert, refuse
from jetson_deploy.catalog.layers import built_in_dir
from jetson_deploy.catalog.parts import Part, blame
from jetson_deploy.catalog.reader import Lines, read_yaml
from jetson_deploy.catalog.wording import suggestion
from jetson_deploy.errors import CatalogError, UsageError
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.inventory.checked import check_environment, check_settings, check_variables
from jetson_deploy.fleet.inventory.device_names import check_device_name, check_group_name, check_user_name, expanded
from jetson_deploy.fleet.inventory.entries import Entry, FleetFile, GroupEntry, HostEntry
from jetson_deploy.fleet.inventory.merging import ALL, UNGROUPED, laid_over, with_groups

DEFAULT = "fleet.yaml"
"""In the working directory: where nothing else is named."""
EXAMPLE = "fleet.example.yaml"
"""Not called as the default is: in a checkout its made-up devices would be taken for the fleet."""
MOST_LEVELS = 20
DESCRIBED_BY = "jetson-deploy fleet inventory --example shows every key"


def example_text() -> str:
    """The commented example, as shipped."""
    return (built_in_dir() / EXAMPLE).read_text(encoding="utf-8")


def read_fleet_file(path: Path, raw: bytes | None = None) -> Inventory:
    """Raises UsageError with file, line, key and the nearest valid name. `raw`: its content, where it was read."""
    try:
        lines: Lines = {}
        part = Part(path, read_yaml(path, raw=raw, lines=lines), False, lines)
        return _Reading(part, convert([part], FleetFile, described_by=DESCRIBED_BY)).inventory()
    except CatalogError as error:
        code = error.code.replace("catalog-", "inventory-", 1)
        raise UsageError(error.message, hint=error.hint, code=code) from None


class _Reading:
    def __init__(self, part: Part, file: FleetFile) -> None:
        self.part = part
        self.hosts = self._hosts(file)
        self.entries = {name: group or GroupEntry() for name, group in file.groups.items()}
        self.rollout = file.rollout

    def inventory(self) -> Inventory:
        for name, entry in self.hosts.items():
            self._check_entry(entry, ("hosts", self.written[name]), f"device {name}")
        for name, group in self.entries.items():
            self._check_group(name, group)
        ordered = self._ordered()
        members = {name: self._members(name) for name in ordered}
        inside = [(self.entries[name], set(members[name])) for name in ordered if name in self.entries]
        devices = tuple(self._device(name, [group for group, names in inside if name in names]) for name in self.hosts)
        if not devices:
            hint = "name them under `hosts:`; jetson-deploy fleet inventory --example prints an inventory to start from"
            raise UsageError(f"{self.part.path} names no device", hint=hint, code="inventory-empty")
        return with_groups(
            Inventory(
                source=str(self.part.path),
                devices=devices,
                groups={name: names for name, names in members.items() if name in self.entries},
                rollout=self.rollout,
            )
        )

    def _hosts(self, file: FleetFile) -> dict[str, HostEntry]:
        self.written: dict[str, str] = {}
        hosts: dict[str, HostEntry] = {}
        for written, entry in file.hosts.items():
            for name in self._named(("hosts", written), written):
                if name in hosts:
                    self._refuse(("hosts", written), f"the device {name} twice", "keep one of the two")
                hosts[name], self.written[name] = entry or HostEntry(), written
        return hosts

    def _named(self, key: KeyPath, text: str) -> tuple[str, ...]:
        try:
            return expanded(text)
        except UsageError as error:
            self._refuse(key, error.message, error.hint)

    def _check_entry(self, entry: Entry, key: KeyPath, whose: str) -> None:
        if entry.user is not None:
            self._checked((*key, "user"), check_user_name, entry.user)
        if isinstance(entry, HostEntry) and entry.address is not None:
            self._checked((*key, "address"), check_device_name, entry.address)
        if entry.identity_file is not None and (not entry.identity_file.isprintable() or not entry.identity_file):
            self._refuse((*key, "identity_file"), "is not a file's name", "the path of a private key on this machine")
        check_variables(self.part, (*key, "variables"), entry.variables, whose)
        if entry.settings:
            check_settings(self.part, (*key, "settings"), whose)
        if entry.environment:
            check_environment(entry.environment, str(blame([self.part], (*key, "environment"))), whose)

    def _checked(self, key: KeyPath, check: Callable[[str], str], text: str) -> None:
        try:
            check(text)
        except UsageError as error:
            self._refuse(key, error.message, error.hint)

    def _check_group(self, name: str, group: GroupEntry) -> None:
        key: KeyPath = ("groups", name)
        self._checked(key, check_group_name, name)
        if name in self.hosts:
            self._refuse(key, "is the name of a device too", "rename the group: patterns could not tell them apart")
        if name == UNGROUPED or (name == ALL and (group.hosts or group.children)):
            self._refuse(key, "has its devices already", "`all` is every device, `ungrouped` those in no group")
        seen: set[str] = set()
        for number, text in enumerate(group.hosts):
            for host in self._named((*key, "hosts", number), text):
                self._known((*key, "hosts", number), host, self.hosts, "device")
                if host in seen:
                    self._refuse((*key, "hosts", number), f"the device {host} twice", "keep one of the two")
                seen.add(host)
        for number, child in enumerate(group.children):
            self._known((*key, "children", number), child, self.entries, "group")
        self._check_entry(group, key, f"group {name}")

    def _known(self, key: KeyPath, name: str, known: Mapping[str, object], kind: str) -> None:
        if name not in known:
            section = "hosts" if kind == "device" else "groups"
            self._refuse(key, f"there is no {kind} {name} under `{section}:`", suggestion(name, known))

    def _ordered(self) -> list[str]:
        """Outer groups before those within them, then by name: the later one wins, as in Ansible."""
        depth: dict[str, int] = {ALL: 0}
        for name in self.entries:
            self._deepen(name, 1 if name != ALL else 0, depth, ())
        return sorted(depth, key=lambda name: (depth[name], name))

    def _deepen(self, name: str, at: int, depth: dict[str, int], way: tuple[str, ...]) -> None:
        if name in way:
            circle = " → ".join((*way[way.index(name) :], name))
            self._refuse(("groups", name, "children"), f"a circle of groups: {circle}", "take one out")
        if at > MOST_LEVELS:
            self._refuse(("groups", name), f"more than {MOST_LEVELS} levels of groups", "put groups side by side")
        if depth.get(name, -1) >= at:
            return
        depth[name] = at
        for child in self.entries[name].children:
            self._deepen(child, at + 1, depth, (*way, name))

    def _members(self, name: str) -> tuple[str, ...]:
        """In the order of the inventory, as the groups of Ansible."""
        if name == ALL:
            return tuple(self.hosts)
        inside = set(self._inside(name))
        return tuple(host for host in self.hosts if host in inside)

    def _inside(self, name: str) -> Iterator[str]:
        group = self.entries[name]
        for text in group.hosts:
            yield from expanded(text)
        for child in group.children:
            yield from self._inside(child)

    def _device(self, name: str, groups: list[GroupEntry]) -> Device:
        """`groups`: those that it is in, the innermost last."""
        own = self.hosts[name]
        levels: list[Entry] = [*groups, own]
        return Device(
            name=name,
            address=own.address,
            user=next((one.user for one in reversed(levels) if one.user is not None), None),
            port=next((one.port for one in reversed(levels) if one.port is not None), None),
            identity_file=next((one.identity_file for one in reversed(levels) if one.identity_file is not None), None),
            variables={key: value for one in levels for key, value in one.variables.items()},
            settings=laid_over(one.settings for one in levels),
            environment={key: value for one in levels for key, value in one.environment.items()},
        )

    def _refuse(self, key: KeyPath, problem: str, hint: str) -> NoReturn:
        refuse([self.part], key, problem, hint=hint)
