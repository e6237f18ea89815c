"""The machine that rolls out over rehearsed boards: this one."""

from __future__ import annotations

import os
from collections.abc import Mapping


def controller_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process' own with these over it. The boards' keys are in files, whatever an agent holds."""
    return {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"} | dict(variables)
