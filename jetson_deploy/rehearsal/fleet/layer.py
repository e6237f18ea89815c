"""The files that lie over this machine's root: on every board, and on one."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from pathlib import Path

import msgspec

from jetson_deploy.detect.host import Host
from jetson_deploy.detect.recorded import recorded_uname
from jetson_deploy.install.machine import LINK, PREFIX
from jetson_deploy.install.source import install_name
from jetson_deploy.rehearsal.fleet.layout import Place
from jetson_deploy.rehearsal.fleet.units import manager, system_units
from jetson_deploy.rehearsal.product_plan import python_path

USER, USER_ID = "nvidia", 1000
HIDDEN = (
    "etc/systemd/system",
    "usr/lib/systemd/system",
    "usr/lib/systemd/system-generators",
    "etc/ssh",
    "etc/docker",
    "etc/sudoers.d",
    "var/lib/jetson-deploy",
    "opt/jetson-deploy",
    "var/tmp",
    "var/lib/docker",
)
"""Of this machine, where a board has its own alone."""
ABSENT = (".dockerenv", "usr/local/bin/jetson-deploy", "usr/local/bin/ollama", "usr/bin/ollama")
"""Files of this machine that no board has, where the layer has none of its own."""
_CAPTURED = ("etc", "var")
"""Of a captured root. What stands in /proc and /sys is no file on a disk; `boot` binds what it can of that."""
_SSHD = """\
AddressFamily inet
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile /etc/ssh/authorized_keys
PasswordAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PrintMotd no
PidFile /run/sshd.pid
Subsystem sftp /usr/lib/openssh/sftp-server
SetEnv {environment}
Include /etc/ssh/sshd_config.d/*.conf
"""
_UNAME = """\
#!/bin/sh
# The board is rehearsed: its machine and kernel are those of the captured one.
case "$*" in
-m) echo {machine} ;;
-r) echo {release} ;;
*) exec /bin/uname "$@" ;;
esac
"""
_PYTHON = """\
#!/bin/sh
PYTHONPATH={path} exec {python} "$@"
"""
_TOOL = """\
#!/{home}/bin/python
import sys
from jetson_deploy.__main__ import main
sys.exit(main())
"""
# Its first line is where a unit on the board takes its Python from.


class File(msgspec.Struct, frozen=True):
    content: bytes
    mode: int = 0o644
    link: bool = False
    """`content` is what it points to."""


def common(
    captured: Path, login: str, environment: dict[str, str], *, tool: bool, wanted: tuple[str, ...] = ()
) -> dict[str, File]:
    """On every board. `login`: the public key that is let in; `tool`: this version is there; `wanted`: units."""
    files = {
        str(path.relative_to(captured)): File(path.read_bytes())
        for top in _CAPTURED
        for path in sorted((captured / top).rglob("*"))
        if path.is_file()
    }
    files |= {f"usr/lib/systemd/system/{name}": File(text.encode()) for name, text in system_units(wanted).items()}
    spoken = " ".join(f'"{key}={value}"' for key, value in {"PATH": _PATH, **environment}.items())
    texts = {
        "etc/systemd/system.conf": manager(environment),
        "etc/ssh/sshd_config": _SSHD.format(environment=spoken),
        "etc/ssh/authorized_keys": login,
        "root/.bashrc": "# ~/.bashrc: executed by bash(1) for every command over ssh, too.\n",
        "root/.profile": "",
        f"home/{USER}/.bashrc": "",
        **_accounts(),
    }
    files |= {name: File(text.encode()) for name, text in texts.items()}
    files["etc/sudoers.d/nvidia"] = File(f"{USER} ALL=(ALL) NOPASSWD: ALL\n".encode(), 0o440)
    files["usr/local/bin/uname"] = File(_uname(captured).encode(), 0o755)
    return files | (_tool() if tool else {})


def _tool() -> dict[str, File]:
    """This very version as `fleet up` would have left it there, without its copy."""
    home = f"{PREFIX.removeprefix('/')}/{install_name()}"
    where = {"path": shlex.quote(python_path()), "python": shlex.quote(sys.executable)}
    return {
        f"{home}/.installed": File(b"previous=\n"),
        f"{home}/bin/python": File(_PYTHON.format(**where).encode(), 0o755),
        f"{home}/bin/jetson-deploy": File(_TOOL.format(home=home).encode(), 0o755),
        LINK.removeprefix("/"): File(f"/{home}/bin/jetson-deploy".encode(), link=True),
    }


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def own(place: Place, host_key: bytes) -> dict[str, File]:
    """What this board alone has."""
    name = place.name
    return {
        "etc/hostname": File(f"{name}\n".encode()),
        "etc/hosts": File(f"127.0.0.1 localhost\n127.0.1.1 {name}\n{place.address} {name}\n".encode()),
        "etc/machine-id": File(f"{place.number:032x}\n".encode()),
        "etc/ssh/ssh_host_ed25519_key": File(host_key, 0o600),
    }


def write(directory: Path, files: dict[str, File], hidden: tuple[str, ...] = (), absent: tuple[str, ...] = ()) -> None:
    """`hidden`: directories of which nothing of the layers below is seen; `absent`: files that are not seen."""
    for name in hidden:
        folder = directory / name
        folder.mkdir(parents=True, exist_ok=True)
        os.setxattr(folder, "trusted.overlay.opaque", b"y")
    for name, file in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.link:
            path.unlink(missing_ok=True)
            path.symlink_to(file.content.decode())
            continue
        path.write_bytes(file.content)
        path.chmod(file.mode)
        if name.startswith(f"home/{USER}/"):
            for mine in (path, path.parent):
                os.chown(mine, USER_ID, USER_ID)
    for name in set(absent) - set(files):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        os.mknod(directory / name, stat.S_IFCHR, os.makedev(0, 0))


def _accounts(etc: Path = Path("/etc")) -> dict[str, str]:
    """Those of this machine, and the one that a Jetson comes with. No password lets anybody in."""
    users = [line for line in (etc / "passwd").read_text().splitlines() if not line.startswith("root:")]
    groups = (etc / "group").read_text().splitlines()
    users, groups = ([line for line in lines if _is_another(line)] for lines in (users, groups))
    mine = f"{USER}:x:{USER_ID}:{USER_ID}::/home/{USER}:/bin/bash"
    return {
        "etc/passwd": "\n".join(["root:x:0:0:root:/root:/bin/bash", *users, mine, ""]),
        "etc/group": "\n".join([*groups, f"{USER}:x:{USER_ID}:", ""]),
        "etc/shadow": "".join(f"{name}:*:19000:0:99999:7:::\n" for name in ("root", USER)),
    }


def _is_another(line: str) -> bool:
    name, _, number, *_ = line.split(":")
    return name != USER and number != str(USER_ID)


def _uname(captured: Path) -> str:
    said = recorded_uname(Host(captured))
    return _UNAME.format(
        machine=shlex.quote(said.machine or "aarch64"), release=shlex.quote(said.release or os.uname().release)
    )
