"""What each JetPack's system has, so that wheels can be chosen for a board that is not asked."""

from __future__ import annotations

from jetson_deploy.install.target import Target

BOARDS = {
    # Its own Python is 3.8: 3.12 is what install.sh brings there (bring_python.sh).
    "5": Target(python=(3, 12), machine="aarch64", glibc=(2, 31)),
    "6": Target(python=(3, 10), machine="aarch64", glibc=(2, 35)),
    "7": Target(python=(3, 12), machine="aarch64", glibc=(2, 39)),
}
"""Ubuntu 20.04, 22.04 and 24.04."""
