"""Files that a board has from its first boot on: unpacked over its root by the initrd, before anything of it runs.

They follow the base's initrd as a second archive. A mark is left on the disk, so that a later boot finds what the board
has made of them since.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from jetson_deploy.rehearsal.fleet.layer import File
from jetson_deploy.rehearsal.virtual.archive import Entry, archive

MARK = ".first-files"
_SCRIPT = """\
#!/busybox sh
[ "$(/busybox cat /root/{mark} 2>/dev/null)" = {digest} ] && exit 0
/busybox chroot /root /bin/tar -xpf - -C / --keep-directory-symlink --numeric-owner </first-files.tar &&
  echo {digest} >/root/{mark}
"""


def write_initrd(base: Path, files: Mapping[str, File], target: Path) -> None:
    """The base's initrd, followed by the files."""
    packed = pack(files)
    script = _SCRIPT.format(mark=MARK, digest=hashlib.sha256(packed).hexdigest())
    entries = [Entry("first-files", script.encode(), 0o755), Entry("first-files.tar", packed, 0o600)]
    target.write_bytes(base.read_bytes() + archive(entries))


def pack(files: Mapping[str, File]) -> bytes:
    """The same bytes for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, file in sorted(files.items()):
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.mode = file.mode
            if file.link:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.content.decode()
                tar.addfile(entry)
            else:
                entry.size = len(file.content)
                tar.addfile(entry, io.BytesIO(file.content))
    return out.getvalue()
