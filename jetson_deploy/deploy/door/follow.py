"""After a change of the deployment: the door leads to the server that serves now."""

from __future__ import annotations

import msgspec

from jetson_deploy.deploy.door.put import disk_errors, let_haproxy_read, settle, write_version
from jetson_deploy.deployment.record import Record
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.expose import unit
from jetson_deploy.expose.door import DoorFiles, DoorVersion
from jetson_deploy.expose.program import find_program
from jetson_deploy.expose.record import load_record
from jetson_deploy.expose.versions import commit, remove_others
from jetson_deploy.settings import Settings


def follow(settings: Settings, record: Record, report: Reporter) -> None:
    """Its port, kind or parallelism may be another one. What fails is reported: the change itself is done."""
    files = DoorFiles(settings.state_dir, record.name)
    try:
        settle(settings, files, report)
        exposed = load_record(files)
        if exposed is None:
            return
        door = msgspec.structs.replace(
            exposed.door, server=record.server, server_port=record.port, parallel=max(1, record.parallel)
        )
        if door == exposed.door:
            return
        with disk_errors(files):
            pem = DoorVersion(files.current).pem.read_bytes()
            version = write_version(files, msgspec.structs.replace(exposed, door=door), pem, find_program())
            if unit.is_active(files):
                let_haproxy_read(settings, files, version)
            commit(files, version)
            remove_others(files, version)
        report(Note(level="info", text=f"the door at {door.listens} leads to port {door.server_port} now"))
    except JetsonDeployError as error:
        text = f"the door on the network does not lead to the new server: {error.message}"
        report(Note(level="warning", text=f"{text}; sudo jetson-deploy expose mends it"))
