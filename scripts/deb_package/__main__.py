"""scripts/deb."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deb_package.texts import EPOCH, MAINTAINER_SCRIPTS, changelog, control, file_name
from deb_package.tree import Tree
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.install import source
from jetson_deploy.install.jetpack import BOARDS
from jetson_deploy.install.target import Target
from jetson_deploy.install.wheelhouse import make


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/deb", description="A Debian package of this version.")
    parser.add_argument("--jetpack", choices=("6", "7"), default="6", help="of the board (default: 6)")
    parser.add_argument("--here", action="store_true", help="for this machine's own /usr/bin/python3, to try it")
    parser.add_argument(
        "--wheelhouse", type=Path, metavar="DIR", help="wheels of what it needs; nothing is fetched then"
    )
    parser.add_argument("directory", nargs="?", type=Path, default=Path("dist"), metavar="DIR", help="default: dist/")
    asked = parser.parse_args()
    try:
        built = build(asked.directory, _here() if asked.here else BOARDS[asked.jetpack], asked.wheelhouse)
    except JetsonDeployError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    print(f"written: {built}, {built.stat().st_size / 1e6:.1f} MB")
    return 0


def build(directory: Path, target: Target, wheelhouse: Path | None) -> Path:
    """Raises JetsonDeployError, CalledProcessError."""
    directory.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="jetson-deploy-deb-") as name:
        work = Path(name)
        package = make(target, cache=work / "cache", wheelhouse=wheelhouse)
        (work / "package").mkdir()
        shutil.unpack_archive(package.path, work / "package", filter="data")
        tree = Tree(work / "root", target)
        tree.fill(work / "package" / "wheels", changelog(source.version()))
        meta = work / "root" / "DEBIAN"
        meta.mkdir()
        (meta / "control").write_text(control(source.version(), target, tree.kib()))
        (meta / "md5sums").write_text(tree.sums())
        for script, text in MAINTAINER_SCRIPTS.items():
            (meta / script).write_text(text)
            (meta / script).chmod(0o755)
        built = directory / file_name(source.version(), target)
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(work / "root"), str(built)],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
        )
    return built


def _here() -> Target:
    asked = ["/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])"]
    major, minor = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    glibc = platform.libc_ver()[1].split(".")
    return Target(python=(int(major), int(minor)), machine=os.uname().machine, glibc=(int(glibc[0]), int(glibc[1])))


if __name__ == "__main__":
    sys.exit(main())
