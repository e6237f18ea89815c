"""What is sent to a device to be read: two scripts as one, for a Python of 3.6 or newer and its own modules; a third
for the header of a model that no catalog lists."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterable

from jetson_deploy.catalog.layers import built_in_dir

_PYTHON = "command -v python3 >/dev/null 2>&1 || {{ {names}; exit {code}; }}; exec python3 -I -S - {arguments}"
_NAMES = "{ head -c 200 /proc/device-tree/model | tr '\\0' '\\n'; head -n 1 /etc/nv_tegra_release; } 2>/dev/null"
"""What a shell alone can tell of the board."""
NO_PYTHON = 127
_REST = "# --- What follows, a fleet does not send. ---\n"
"""A device compiles all that is sent."""


@functools.cache
def header_script() -> bytes:
    return (built_in_dir() / "scripts" / "read-header").read_bytes()


@functools.cache
def script() -> bytes:
    folder = built_in_dir() / "scripts"
    first, second = ((folder / name).read_text(encoding="utf-8") for name in ("capture-host", "read-board"))
    first = first.partition(_REST)[0]
    # Each script runs itself where it is the main one: the first only lends its functions.
    return f'__name__ = "capture_host"\n{first}\n__name__ = "__main__"\n{second}'.encode()


def command(stores: Iterable[str] = (), further: Iterable[str] = ()) -> str:
    """Of the device's shell. `stores`: directories that were asked for and are not among those that it finds itself."""
    arguments = [text for store in stores for text in ("--store", store)]
    return _run([*arguments, *further])


def header_command(path: str) -> str:
    return _run([path])


def _run(arguments: list[str]) -> str:
    return _PYTHON.format(names=_NAMES, code=NO_PYTHON, arguments=shlex.join(arguments)).strip()
