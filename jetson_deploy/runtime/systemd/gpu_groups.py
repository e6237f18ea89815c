"""Groups that a server needs for the GPU's devices, where it is not root."""

from __future__ import annotations

import grp

_NAMES = ("video", "render")
"""Owners of /dev/nvhost*, /dev/nvmap and /dev/dri on Jetson Linux."""


def gpu_groups() -> list[str]:
    """Those that this host has: a unit with one that it has not is not started."""
    return [one.gr_name for one in grp.getgrall() if one.gr_name in _NAMES]
