"""A hint of the tool on a device, for a user at the controller: `jetson-deploy up` typed here changes this machine."""

from __future__ import annotations

import re

THERE = "on the device: "
_COMMAND = re.compile(r"(?:sudo )?\bjetson-deploy (?!fleet\b)")
_OF_BOTH = re.compile(r"(?:sudo )?\bjetson-deploy (up|down|logs|plan|rollback|status)(?=$|[.,;:)`]| [a-z])")
"""Without arguments, which the fleet's command may not have: HOST stands for the devices that the hint is for."""


def names_the_tool(hint: str) -> bool:
    return _COMMAND.search(hint) is not None


def for_controller(hint: str) -> str:
    """The fleet's own command where all that it names is one, else said to be for the device."""
    if not hint or hint.startswith(THERE):
        return hint
    named = list(_COMMAND.finditer(hint))
    if named and hint.find(named[0][0]) == 0 and " -" not in hint and len(_OF_BOTH.findall(hint)) == len(named):
        return _OF_BOTH.sub(r"jetson-deploy fleet \1 HOST", hint)
    return THERE + hint
