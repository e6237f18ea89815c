"""What pyproject.toml declares, as a wheel says it: for a clone on a machine where nothing is installed yet.

Python below 3.11 has no reader of TOML; what is read here is this project's own file, and
`tests/install/test_declared.py` holds it against what the build tool makes of it.
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r"\"([^\"]*)\"")
_BEGINS = re.compile(r"^([\w-]+) = \[")


def declared_metadata(pyproject: str, version: str) -> tuple[str, str]:
    """METADATA and entry_points.txt."""
    project, extras = _section(pyproject, "project"), _section(pyproject, "project.optional-dependencies")
    python = re.search(r'^requires-python = "([^"]+)"', project, re.MULTILINE)
    command = re.search(r'^jetson-deploy = "([^"]+)"', _section(pyproject, "project.scripts"), re.MULTILINE)
    if python is None or command is None:
        raise ValueError("pyproject.toml is not this project's")
    lines = ["Metadata-Version: 2.1", "Name: jetson-deploy", f"Version: {version}", f"Requires-Python: {python[1]}"]
    lines += [f"Requires-Dist: {one}" for one in _lists(project).get("dependencies", [])]
    for extra, needs in _lists(extras).items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {one}; extra == "{extra}"' for one in needs)]
    return "\n".join([*lines, "", ""]), f"[console_scripts]\njetson-deploy = {command[1]}\n"


def _section(pyproject: str, name: str) -> str:
    found = re.search(rf"^\[{re.escape(name)}\]\n(.*?)(?=^\[|\Z)", pyproject, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _lists(section: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in section.splitlines():
        code = line.split("#")[0]
        begins = _BEGINS.match(code)
        if begins:
            current = found.setdefault(begins[1], [])
        elif re.match(r"^[\w-]+ = ", code):
            current = []
            continue
        current += _QUOTED.findall(code)
    return found
