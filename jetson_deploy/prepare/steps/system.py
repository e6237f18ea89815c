"""The journal's size, the desktop, and the clock."""

from __future__ import annotations

import re

from jetson_deploy.prepare.changes import RunProgram, SetLink, SwitchUnit, unit_state
from jetson_deploy.prepare.edited import own_file
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown
from jetson_deploy.prepare.machine import SHIPPED_UNITS, Machine
from jetson_deploy.prepare.placing import refusal
from jetson_deploy.units import size_text

JOURNAL = "etc/systemd/journald.conf.d/50-jetson-deploy.conf"
JOURNAL_SIZE = "200M"
_JOURNAL_TEXT = f"""\
# jetson-deploy prepare wrote this; jetson-deploy prepare --undo journal-size removes it.
[Journal]
SystemMaxUse={JOURNAL_SIZE}
"""
_LIMIT = re.compile(r"(?m)^\s*SystemMaxUse\s*=\s*(\S+)")
_DEFAULT = "etc/systemd/system/default.target"
_SHIPPED = ("lib/systemd/system/default.target", "usr/lib/systemd/system/default.target")
_DISPLAY = "etc/systemd/system/display-manager.service"
_CLOCKS = ("systemd-timesyncd", "chrony", "chronyd", "ntp", "ntpd", "ntpsec", "openntpd")
_TIMESYNC = "systemd-timesyncd.service"


def _journal(look: Look) -> Checked:
    host = look.machine.host
    if not host.is_directory("etc/systemd"):
        return unknown("systemd's configuration was not captured")
    for path in ("etc/systemd/journald.conf", *(f"{_folder()}/{name}" for name in host.names(_folder()))):
        if found := _LIMIT.search(host.read_text(path) or ""):
            return ready(f"the journal ends at {found[1]}")
    change = own_file(look.machine, JOURNAL, _JOURNAL_TEXT, f"the journal ends at {JOURNAL_SIZE}")
    again = RunProgram(argv=("systemctl", "try-restart", "systemd-journald"), why="the journal reads it")
    return to_do("the journal may take a tenth of the disk", change, again)


def _folder() -> str:
    return JOURNAL.rpartition("/")[0]


def _desktop(look: Look) -> Checked:
    machine = look.machine
    target = machine.host.link(_DEFAULT)
    if target is None and machine.own(_DEFAULT).exists():
        raise refusal(machine.own(_DEFAULT), "is a file of its own, and no link", "move it away, or --skip desktop-off")
    shipped = next((link for path in _SHIPPED if (link := machine.host.link(path))), None)
    now = (target or shipped or "").rpartition("/")[2]
    if not now:
        return unknown("what is started at boot was not captured")
    if now != "graphical.target":
        return ready(f"{now} is started at boot")
    if machine.host.link(_DISPLAY) is None:
        return ready("graphical.target is started at boot, and no display manager is there to start")
    held = look.facts.memory.desktop_bytes
    takes = f"{size_text(held)} of it now" if held else "up to 1.5 GB"
    wanted = "/lib/systemd/system/multi-user.target"
    change = SetLink(path=_DEFAULT, before=target, after=wanted, why="no desktop at boot")
    return to_do(f"a desktop is started at boot, and takes memory ({takes})", change, takes_effect="with the next boot")


def _clock(look: Look) -> Checked:
    machine, host = look.machine, look.machine.host
    if not host.is_directory("etc/systemd/system"):
        return unknown("what is started at boot was not captured")
    if look.facts.clock.synchronised:
        return ready("the clock is synchronised")
    if name := _synchronising(machine):
        return ready(f"{name} sets the clock")
    if not any(host.exists(f"{folder}/{_TIMESYNC}") for folder in SHIPPED_UNITS):
        return unknown(f"there is no {_TIMESYNC}, and no other program that sets the clock")
    enabled, active = unit_state(machine, _TIMESYNC)
    change = SwitchUnit(unit=_TIMESYNC, on=True, was_enabled=enabled, was_active=active)
    return to_do("no program sets the clock: a board without battery begins in the past, and TLS fails", change)


def _synchronising(machine: Machine) -> str | None:
    host, folder = machine.host, "etc/systemd/system"
    wanted = [f"{folder}/{name}" for name in host.names(folder) if name.endswith(".wants")]
    units = {unit.removesuffix(".service") for one in wanted for unit in host.names(one)}
    return next((name for name in _CLOCKS if name in units), None)


JOURNAL_STEP = HostStep(id="journal-size", title="The journal ends", look=_journal)
DESKTOP_STEP = HostStep(id="desktop-off", title="No desktop at boot", look=_desktop)
CLOCK_STEP = HostStep(id="time-sync", title="The clock is set", look=_clock)
