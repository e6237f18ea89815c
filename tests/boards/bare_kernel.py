"""A kernel on a board's device tree, for as long as it takes to say what it found: no disk, no systemd.

What a captured root is made of, as `detect --root` reads it.
"""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
from pathlib import Path

from jetson_deploy.rehearsal.virtual.archive import Entry, archive
from jetson_deploy.rehearsal.virtual.command_line import PROGRAM, hardware
from jetson_deploy.rehearsal.virtual.tree import write_tree
from jetson_deploy.rehearsal.virtual.wanted import Wanted

SECONDS = 900.0
_BEGIN, _END = "@begin-root", "@end-root"
_INIT = f"""\
#!/busybox sh
/busybox mkdir -p /proc /sys /out/proc /out/sys/firmware/devicetree/base
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sys /sys
/busybox cat /proc/meminfo >/out/proc/meminfo
/busybox cat /proc/version >/out/proc/version
cd /sys/firmware/devicetree/base
for name in model compatible serial-number; do /busybox cat $name >/out/sys/firmware/devicetree/base/$name; done
echo {_BEGIN}
/busybox tar -C /out -cf - . | /busybox base64
echo {_END}
/busybox poweroff -f
"""


def booted_root(wanted: Wanted, directory: Path) -> Path:
    """The captured root of what this kernel found."""
    directory.mkdir(parents=True)
    write_tree(wanted, directory / "board.dtb")
    initrd = (Path(wanted.base) / "initrd.img").read_bytes() + archive([Entry("init", _INIT.encode(), 0o755)])
    (directory / "initrd.img").write_bytes(initrd)
    said = subprocess.run(_command(wanted, directory), capture_output=True, check=True, timeout=SECONDS).stdout.decode()
    (directory / "initrd.img").unlink()
    assert _END in said, said[-2000:]
    packed = base64.b64decode(said.partition(_BEGIN)[2].partition(_END)[0])
    with tarfile.open(fileobj=io.BytesIO(packed)) as root:
        root.extractall(directory / "root", filter="data")
    return directory / "root"


def _command(wanted: Wanted, directory: Path) -> list[str]:
    return [
        *(PROGRAM, "-M", "virt,memory-backend=ram", *hardware(wanted), "-nic", "none", "-no-reboot"),
        *("-dtb", str(directory / "board.dtb"), "-kernel", str(Path(wanted.base) / "vmlinuz")),
        *("-initrd", str(directory / "initrd.img"), "-append", "console=ttyAMA0 quiet loglevel=1", "-serial", "stdio"),
        *("-monitor", "none"),
    ]
