"""Enough open files for every connection, so that a request is never answered wrongly for want of one."""

from __future__ import annotations

import resource

from jetson_deploy.errors import PreflightError
from jetson_deploy.store.serve.accept_queue import MOST_PENDING

_OURS = 64
"""Streams, modules, the listener, directories that are being read."""


def reserve_descriptors(connections: int) -> None:
    """Raise the process's limit where it has to be. Raises PreflightError `too-few-descriptors`."""
    need = 2 * connections + 2 * MOST_PENDING + _OURS  # a socket and a blob each; who waits, and who leaves
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _covers(soft, need):
        return
    if not _covers(hard, need):
        raise PreflightError(
            f"{connections} connections need {need} open files, and this process may have {hard}",
            hint="raise the limit (ulimit -n, LimitNOFILE= of systemd), or serve fewer with --connections",
            code="too-few-descriptors",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))


def _covers(limit: int, need: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= need
