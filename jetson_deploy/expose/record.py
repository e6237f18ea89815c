"""The record of a door: what stands on the network, for `status`, `connect`, and whoever changes it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from jetson_deploy.deployment.finding import Finding
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.expose.certificates import RENEWED_BEFORE
from jetson_deploy.expose.door import DoorFiles, DoorVersion, Exposed, unit_of
from jetson_deploy.expose.unit import is_active
from jetson_deploy.store.whole_file import replace_whole

_LARGEST = 1 << 20


def load_record(files: DoorFiles) -> Exposed | None:
    """None: nothing is exposed.

    Raises ResourceError `door-record-damaged`, PreflightError `door-record-not-readable`.
    """
    version = DoorVersion(files.current)
    try:
        with version.record.open("rb") as file:
            return msgspec.json.decode(file.read(_LARGEST), type=Exposed)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise PreflightError(
            f"{version.record} cannot be read: {error.strerror}", hint="run with sudo", code="door-record-not-readable"
        ) from error
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise ResourceError(
            f"{version.record} cannot be read",
            hint=f"sudo jetson-deploy unexpose --name {files.deployment}, then expose again",
            code="door-record-damaged",
        ) from error


def save_record(version: DoorVersion, exposed: Exposed) -> None:
    """Raises OSError."""
    replace_whole(version.record, msgspec.json.encode(exposed))


def threats(files: DoorFiles, exposed: Exposed, server_port: int, now: datetime) -> tuple[Finding, ...]:
    """What keeps clients out, or soon will."""
    again, found = "sudo jetson-deploy expose", []
    if not is_active(files):
        fix = f"journalctl -u {unit_of(files.deployment)} tells why; {again} starts it"
        text = f"HAProxy does not run: nothing listens at {exposed.door.listens}"
        found.append(_warning("door-not-running", text, fix))
    if exposed.door.server_port != server_port:
        text = f"the door leads to port {exposed.door.server_port}, and the server listens at {server_port}"
        found.append(_warning("door-leads-elsewhere", text, again))
    ends = datetime.fromisoformat(exposed.certificate.not_after)
    if ends - RENEWED_BEFORE <= now:
        given = exposed.certificate.kind == "given"
        fix = f"{again} --certificate FILE --certificate-key FILE" if given else f"{again} makes a new one"
        what = "ended" if ends <= now else "ends"
        found.append(_warning("door-certificate-ends", f"the certificate {what} {ends:%Y-%m-%d}", fix))
    return tuple(found)


def _warning(id_: str, text: str, fix: str) -> Finding:
    return Finding(id=id_, severity="warning", evidence=text, fix=fix)
