"""The servers of this host's deployments."""

from __future__ import annotations

import functools
import importlib

from jetson_deploy.errors import PreflightError
from jetson_deploy.names import shown
from jetson_deploy.server.port import Server
from jetson_deploy.server_kinds import ROWS, USUAL


@functools.cache
def open_server(kind: str = USUAL) -> Server:
    """A command loads the one that it asks. Raises PreflightError `server-unknown`."""
    row = ROWS.get(kind)
    if row is None:
        raise PreflightError(
            f"the deployment is served by {shown(kind)}, which this version does not know",
            hint="use the version that deployed it, or a newer one",
            code="server-unknown",
        )
    opened: Server = importlib.import_module(f"jetson_deploy.server.{row.folder}.server").SERVER
    return opened
