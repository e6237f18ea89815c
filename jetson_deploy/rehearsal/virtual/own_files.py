"""What a board alone has: its name, its keys, its network, and of a captured board what lies on a disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jetson_deploy.rehearsal.fleet.layer import File
from jetson_deploy.rehearsal.virtual.shell import Shell
from jetson_deploy.rehearsal.virtual.wanted import Wanted

_FROM_CAPTURED = (
    "etc/nv_tegra_release",
    "etc/nvpmodel.conf",
    "etc/nv_boot_control.conf",
    "var/lib/nvpmodel/status",
)
"""The rest of a captured root is another machine's: its accounts, its mounts, its engine."""
_NETWORK = "[Match]\nType=ether\n[Network]\nDHCP=ipv4\n"


def own_files(wanted: Wanted, shell: Shell) -> dict[str, File]:
    name = wanted.name
    login = shell.key.with_name(f"{shell.key.name}.pub").read_bytes()
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n"
    machine = hashlib.sha256(shell.host_key.read_bytes()).hexdigest()[:32]
    return {
        "etc/hostname": File(f"{name}\n".encode()),
        "etc/hosts": File(hosts.encode()),
        "etc/machine-id": File(f"{machine}\n".encode()),
        "etc/systemd/network/10-ether.network": File(_NETWORK.encode()),
        "etc/ssh/ssh_host_ed25519_key": File(shell.host_key.read_bytes(), 0o600),
        "root/.ssh/authorized_keys": File(login, 0o600),
    }


def captured_files(root: Path) -> dict[str, File]:
    """Of a captured root what a virtual board can have: files that NVIDIA's packages put on the disk."""
    return {name: File((root / name).read_bytes()) for name in _FROM_CAPTURED if (root / name).is_file()}
