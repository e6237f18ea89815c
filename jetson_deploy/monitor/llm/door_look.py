"""HAProxy before the deployment: whether it runs, what each key asked of it, until when its certificate holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.expose.admin_socket import NotRunningError, tell
from jetson_deploy.expose.door import DoorFiles
from jetson_deploy.expose.keys import PROOF
from jetson_deploy.expose.record import load_record
from jetson_deploy.monitor.model_parts import Door, DoorKey

_ENTRY = re.compile(r"^0x[0-9a-f]+: key=(\S+) (.*)$", re.M)
_VALUE = re.compile(r"([a-z_]+)(?:\([0-9]+\))?=([0-9]+)")


def look(files: DoorFiles) -> Door | None:
    """None: nothing is exposed, or this user may not read what is."""
    try:
        exposed = load_record(files)
    except JetsonDeployError:
        return None
    if exposed is None:
        return None
    ends, listens = datetime.fromisoformat(exposed.certificate.not_after).timestamp(), exposed.door.listens
    try:
        table = tell(files.socket, "show table per_key")
    except NotRunningError:
        return Door(listens=listens, up=False, certificate_ends=ends)
    except JetsonDeployError:
        return Door(listens=listens, up=None, certificate_ends=ends)
    return Door(listens=listens, up=True, certificate_ends=ends, keys=tuple(read_table(table)))


def read_table(table: str) -> Iterator[DoorKey]:
    """The answer to `show table` of HAProxy 2.2, 2.6 and 3.0. The key that `expose` proves with is no client's."""
    for name, line in _ENTRY.findall(table):
        counted = dict(_VALUE.findall(line))
        if name != PROOF and {"http_req_cnt", "conn_cur", "bytes_in_cnt", "bytes_out_cnt"} <= counted.keys():
            yield DoorKey(
                name=name,
                requests=int(counted["http_req_cnt"]),
                in_flight=int(counted["conn_cur"]),
                received_bytes=int(counted["bytes_in_cnt"]),
                sent_bytes=int(counted["bytes_out_cnt"]),
            )
