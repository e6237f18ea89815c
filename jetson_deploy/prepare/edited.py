"""The change of one configuration file of the host, from what lies there now."""

from __future__ import annotations

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.json_text import BadJson, meaning, member, with_member
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.placing import Kept, check_replaceable, kept, read_file, refusal
from jetson_deploy.prepare.write_file import THE_FILE, JsonEdit, LineEdit, WriteFile, missing_directories

DAEMON = "etc/docker/daemon.json"
OURS = "jetson-deploy"
"""Part of each name that we give a drop-in."""
_VALIDATE = ("dockerd", "--validate", "--config-file", THE_FILE)


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is, links followed."""

    path: str
    text: str
    before: Kept | None
    content: bytes | None

    @property
    def originals(self) -> dict[str, bytes]:
        return {} if self.before is None or self.content is None else {self.before.digest: self.content}


def opened(machine: Machine, path: str) -> Opened:
    """Raises PreflightError where it must not be changed."""
    real = machine.host.real(path) or path
    place = machine.root / real
    content = read_file(place)
    if content is None and machine.host.link(path) is not None:
        raise refusal(
            machine.root / path, f"is a link to {place}, which is not there", "remove the link, or make it whole"
        )
    if real.startswith("nix/store"):
        raise refusal(machine.root / path, "is made from the system's configuration", "set it there")
    check_replaceable(place)
    if content is None:
        return Opened(path=real, text="", before=None, content=None)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise refusal(place, f"is no UTF-8 text (byte {error.start})", "mend it, or move it away") from error
    return Opened(path=real, text=text, before=kept(place, content), content=content)


def daemon_json(machine: Machine) -> Opened:
    """Docker's configuration, which is an object. Raises PreflightError."""
    file = opened(machine, DAEMON)
    try:
        meaning(file.text)
    except BadJson as error:
        hint = "mend it: Docker will not start with it either; or move it away"
        if _commented(file.text):
            hint = "JSON knows no comments: take them out; Docker will not start with them either"
        raise refusal(machine.root / file.path, str(error), hint) from error
    return file


def json_change(machine: Machine, file: Opened, members: dict[tuple[str, ...], str], why: str) -> WriteFile:
    """`members`: keys → JSON text. Raises PreflightError where something else stands in their place."""
    text, edits = file.text, []
    for keys, value in members.items():
        edits.append(JsonEdit(keys=keys, value=value, was=member(text, keys)))
        try:
            text = with_member(text, keys, value)
        except BadJson as error:
            hint = "mend it: Docker will not start with it either"
            raise refusal(machine.root / file.path, str(error), hint) from error
    made = missing_directories(machine, file.path)
    return WriteFile(
        path=file.path,
        why=why,
        content=text,
        before=file.before,
        edits=tuple(edits),
        made=made,
        checked_by=_VALIDATE,
    )


def line_change(machine: Machine, path: str, line: str, why: str) -> tuple[WriteFile, dict[str, bytes]]:
    """One more line at its end. Raises PreflightError."""
    file = opened(machine, path)
    gap = "" if not file.text or file.text.endswith("\n") else "\n"
    change = WriteFile(
        path=file.path,
        why=why,
        content=f"{file.text}{gap}{line}\n",
        before=file.before,
        edits=(LineEdit(line=line),),
        made=missing_directories(machine, file.path),
    )
    return change, file.originals


def own_file(machine: Machine, path: str, content: str, why: str) -> WriteFile:
    """A drop-in that is ours alone. Raises PreflightError where one of that name is there, and says something else."""
    file = opened(machine, path)
    if file.before is not None:
        raise PreflightError(
            f"{machine.root / file.path} is there already, and says something else",
            hint="move it away, or leave the step out with --skip",
            code="file-refused",
        )
    made = missing_directories(machine, file.path) or _ours_alone(machine, file.path.rpartition("/")[0])
    return WriteFile(path=file.path, why=why, content=content, before=None, made=made)


def _ours_alone(machine: Machine, folder: str) -> tuple[str, ...]:
    """A folder that another step made goes with the last file in it, whichever is taken back last."""
    names = list(machine.host.names(folder))
    return (folder,) if names and all(OURS in name for name in names) else ()


def _commented(text: str) -> bool:
    return any(line.lstrip().startswith(("//", "#", "/*")) or " // " in line for line in text.splitlines())
