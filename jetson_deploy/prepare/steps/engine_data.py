"""Where Docker keeps its data: moved to a fast disk, whole, with the way back."""

from __future__ import annotations

import json
import os

from jetson_deploy.detect.mounts import disk_of
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import DiskFacts, EngineFacts
from jetson_deploy.prepare.changes import AnyChange, RunProgram
from jetson_deploy.prepare.edited import DAEMON, daemon_json, json_change, own_file
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown
from jetson_deploy.prepare.json_text import meaning
from jetson_deploy.prepare.machine import UNIT_FOLDERS
from jetson_deploy.prepare.moving.changes import CopyTree, StartOn
from jetson_deploy.prepare.moving.move import BOOT_ID, FOLDER, Move, kept_name
from jetson_deploy.prepare.moving.place import check_disk, wanted_disk
from jetson_deploy.prepare.moving.trees import check_room, taken_by
from jetson_deploy.prepare.placing import refusal
from jetson_deploy.prepare.steps.docker_daemon import check_docker, check_flags
from jetson_deploy.prepare.write_file import WriteFile, missing_directories

SERVICE, SOCKET = "docker.service", "docker.socket"
_DROP_IN = "etc/systemd/system/{unit}.d/50-jetson-deploy-{step}.conf"
_MOUNTED = """\
# jetson-deploy prepare wrote this; jetson-deploy prepare --undo {step} removes it.
[Unit]
RequiresMountsFor={path}
"""


def _data_root(look: Look) -> Checked:
    check_docker(look)
    engine = look.facts.engine
    if engine is None or not engine.reachable or engine.data_root is None:
        return unknown("Docker does not answer, so where its data lie is not known")
    disk = wanted_disk(look, engine.data_root)
    if isinstance(disk, str):
        return ready(disk)
    _check_movable(look, engine, disk)
    target = f"{disk.mount.strip('/')}/{FOLDER}/docker".lstrip("/")
    file = daemon_json(look.machine)
    move = planned(look, engine.data_root, target, DAEMON, (SOCKET, SERVICE))
    named: dict[tuple[str, ...], str] = {("data-root",): json.dumps(f"/{target}")}
    write = json_change(look.machine, file, named, f"Docker's data lie in /{target}")
    # What names the new place comes last of the files: from then on a boot starts there.
    waits = mounted(look, "data-root", f"/{target}") if disk.mount != "/" else []
    changes: list[AnyChange] = [CopyTree(move=move), *waits, write]
    changes.append(started(look, move, f"/{target}", engine.data_root))
    return to_do(f"{engine.data_root} lies on {disk_text(look, engine.data_root)}", *changes, originals=file.originals)


def _check_movable(look: Look, engine: EngineFacts, disk: DiskFacts) -> None:
    """Raises PreflightError."""
    if engine.rootless:
        raise PreflightError(
            "Docker runs without root, and keeps its data in a home directory",
            hint="move it by hand: data-root in ~/.config/docker/daemon.json",
            code="docker-rootless",
        )
    check_unit(look, SERVICE, "data-root")
    check_flags(look, ("--config-file", "--data-root", "-g", "--graph"))
    if isinstance(whole := meaning(daemon_json(look.machine).text), dict) and "graph" in whole:
        raise refusal(look.machine.root / DAEMON, "has graph, the old name of data-root", "rename it, and run it again")
    check_disk(look.machine, disk)


def check_unit(look: Look, unit: str, step: str) -> None:
    """Raises PreflightError `no-unit`."""
    if not any(look.machine.host.exists(f"{folder}/{unit}") for folder in UNIT_FOLDERS):
        raise PreflightError(
            f"there is no {unit} that could be stopped meanwhile",
            hint=f"move it by hand, or leave it out: --skip {step}",
            code="no-unit",
        )


def planned(look: Look, source: str, target: str, config: str = "", units: tuple[str, ...] = ()) -> Move:
    """Raises PreflightError where a name is taken, or where there is too little room."""
    machine = look.machine
    here = source.strip("/")
    place = machine.root / here
    if place.exists() and place.stat().st_dev != place.parent.stat().st_dev:
        raise refusal(place, "is a filesystem of its own", "mount another disk there: the copy is yours to make")
    for name in (target, kept_name(here)):
        if machine.host.exists(name):
            raise refusal(machine.root / name, "is there already", "look what it is, and move it away")
    folder = target.rpartition("/")[0]
    if (machine.root / folder).is_symlink():
        raise refusal(machine.root / folder, "is a link", "make it a directory: nothing is deleted behind a link")
    # Another move may have made it, and be taken back before this one.
    made = missing_directories(machine, target) or ((folder,) if folder.split("/")[-1] == FOLDER else ())
    if os.access(place, os.R_OK | os.X_OK):
        check_room(taken_by(place), next(one for one in (machine.root / target).parents if one.is_dir()))
    there = tuple(one for one in units if any(machine.host.exists(f"{folder}/{one}") for folder in UNIT_FOLDERS))
    return Move(source=here, target=target, config=config, units=there, made=made, boot=machine.host.read_word(BOOT_ID))


def mounted(look: Look, step: str, path: str, unit: str = SERVICE) -> list[WriteFile | RunProgram]:
    """The unit is not started while the disk is away: it would begin with nothing on the one below."""
    text = _MOUNTED.format(step=step, path=path)
    change = own_file(look.machine, _DROP_IN.format(unit=unit, step=step), text, f"{unit} waits for the disk of {path}")
    return [change, RunProgram(argv=("systemctl", "daemon-reload"), why="systemd reads it")]


def started(look: Look, move: Move, after: str = "", before: str = "", locked: str = "") -> StartOn:
    """What runs, and which images are there, is asked now."""
    running = look.machine.run(["docker", "ps", "-q", "--no-trunc"])
    images = look.machine.run(["docker", "image", "ls", "-aq", "--no-trunc"])
    return StartOn(
        move=move,
        data_root=after,
        data_root_before=before,
        running=tuple(running.text.split()) if running.code == 0 else (),
        images=tuple(sorted(set(images.text.split()))) if images.code == 0 else (),
        locked=locked,
    )


def disk_text(look: Look, path: str) -> str:
    disk = disk_of(look.facts.disks, path)
    return f"{disk.medium} ({disk.mount})" if disk is not None and disk.medium else "another disk"


DATA_STEP = HostStep(id="data-root", title="Docker's data on a fast disk", look=_data_root)
