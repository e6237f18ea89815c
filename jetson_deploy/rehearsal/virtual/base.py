"""The base image of a Debian generation: built once, cached, and shared by all boards as it is.

~/.cache/jetson-deploy/virtual/base-12-DIGEST/   base.img, vmlinuz, initrd.img, built.json
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.file_lock import try_lock
from jetson_deploy.rehearsal.cache import cache_directory
from jetson_deploy.rehearsal.virtual import private_binfmt, recipe
from jetson_deploy.rehearsal.virtual.initrd import write_base_initrd
from jetson_deploy.rehearsal.virtual.ready import check_build
from jetson_deploy.rehearsal.virtual.recipe import DEFAULT, GENERATIONS, Generation
from jetson_deploy.units import size_text

NEEDED = 6 * 10**9
"""Bytes free, to build: packages, the root directory and the image lie side by side for a while."""
KEPT = 700 * 10**6
"""Bytes of what stays, about."""


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """`built.json`"""

    suite: str
    kernel: str
    seconds: float
    bytes: int


def virtual_cache() -> Path:
    directory = cache_directory().with_name("virtual")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def base_directory(number: int = DEFAULT) -> Path:
    """Where it is, or will be."""
    return virtual_cache() / f"base-{number}-{recipe.digest(GENERATIONS[number])}"


def build_log(number: int) -> Path:
    """What was said while it was last built; it stays when that failed."""
    return virtual_cache() / f"build-{number}.log"


def is_built(number: int = DEFAULT) -> bool:
    return (base_directory(number) / "built.json").is_file()


def base_image(report: Reporter, number: int = DEFAULT) -> Path:
    """Its directory; built first where it is missing, which is said with its size. Two that want it wait for one
    another, and a build that is killed leaves nothing that counts. Raises PreflightError, ResourceError."""
    target = base_directory(number)
    if is_built(number):
        return target
    check_build()
    with (virtual_cache() / "lock").open("w") as lock:
        while not try_lock(lock.fileno()):
            time.sleep(1)
        if is_built(number):
            return target
        work = virtual_cache() / f".new-{number}"
        shutil.rmtree(work, ignore_errors=True)
        _check_space()
        text = f"building a base image once: Debian {number} for arm64, {size_text(KEPT)} in {target}; 5 to 20 minutes"
        report(Note(level="info", text=text))
        try:
            _build(GENERATIONS[number], work)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def _check_space() -> None:
    free = shutil.disk_usage(virtual_cache()).free
    if free < NEEDED:
        raise ResourceError(
            f"a base image needs {size_text(NEEDED)} free to be built, and {virtual_cache()} has {size_text(free)}",
            hint="make room there, or set XDG_CACHE_HOME to a folder on a larger disk",
            code="no-room-for-the-base",
        )


def _build(generation: Generation, work: Path) -> None:
    started = time.monotonic()
    work.mkdir(mode=0o755)  # apt fetches as a user of its own
    root, log = work / "root", build_log(generation.number)
    log.unlink(missing_ok=True)
    for name, text in (("unpacked", recipe.UNPACKED), ("customize", recipe.CUSTOMIZE)):
        (work / name).write_text(text)
    _run(private_binfmt.command(*debootstrap(generation, work)), log)
    version = next((root / "lib/modules").iterdir()).name
    shutil.copyfile(root / f"boot/vmlinuz-{version}", work / "vmlinuz")
    write_base_initrd(root, version, work / "initrd.img")
    shutil.rmtree(root / ".busybox")
    (work / "base.img").touch()
    os.truncate(work / "base.img", recipe.IMAGE_GIGABYTES << 30)
    made = ["mke2fs", "-q", "-t", "ext4", "-d", str(root), "-L", "board", "-E", "lazy_itable_init=1"]
    _run([*made, str(work / "base.img")], log)
    shutil.rmtree(root)
    kept = sum(path.stat().st_blocks * 512 for path in work.iterdir())
    seconds = round(time.monotonic() - started, 1)
    built = Built(suite=generation.suite, kernel=version, seconds=seconds, bytes=kept)
    (work / "built.json").write_bytes(msgspec.json.encode(built))
    work.chmod(0o755)


def debootstrap(generation: Generation, work: Path) -> list[str]:
    quick = ["force-unsafe-io", *(f"path-exclude=/usr/share/{name}/*" for name in ("man", "locale", "doc"))]
    return [
        *("mmdebstrap", "--mode=root", "--arch=arm64", "--variant=minbase", f"--include={','.join(recipe.PACKAGES)}"),
        *(f"--dpkgopt={option}" for option in quick),
        f'--extract-hook=sh {work}/unpacked "$1"',
        f'--essential-hook=sh {work}/unpacked "$1"',
        f'--customize-hook=sh {work}/customize "$1"',
        *(generation.suite, str(work / "root")),
    ]


def _run(argv: list[str], log: Path) -> None:
    with log.open("ab") as out:
        done = subprocess.run(
            ["nice", "-n", "10", *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
        )
    if done.returncode != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        errors = [line for line in lines if line.startswith(("E: ", "mke2fs:"))] or lines[-1:] or [argv[0]]
        raise PreflightError(
            f"the base image could not be built: {errors[0][:300]}",
            hint=f"see {log}; look at the network, then try again",
            code="base-not-built",
        )
