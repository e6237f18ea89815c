"""What `scripts/install.sh` asks of a board's own Python, which may be 3.8 and has nothing installed.

on_board ANSWER wheel DIR             a wheel of this clone, into DIR
on_board ANSWER about DIR             of the wheels in DIR: name, version, room
on_board ANSWER archive DIR MACHINE   which Python archive of DIR fits

ANSWER, a file, then has `NAME<tab>VALUE` lines, or `@refused` as board.sh says it.
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.install import python_archive, source
from jetson_deploy.install.room import need_kib

_OWN = re.compile(r"jetson_deploy-([0-9][A-Za-z0-9.+]*)-py3-none-any\.whl")


def main(words: list[str]) -> int:
    said, code = "", 0
    try:
        said = "".join(f"{name}\t{value}\n" for name, value in _answer(words[1:]))
    except JetsonDeployError as error:
        said, code = f"@refused {error.code}\t{error.message}\t{error.hint}\n", error.exit_code
    Path(words[0]).write_text(said, encoding="utf-8")
    return code


def identity(wheel: Path) -> str:
    """Of the files in a wheel: what `source.identity` says of the tool that has these files."""
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/"))
        return source.identity_of((name, archive.read(name)) for name in names)


def _answer(words: list[str]) -> list[tuple[str, str]]:
    what, directory = words[0], Path(words[1])
    if what == "wheel":
        source.write_wheel(directory)
        return [("name", source.install_name()), ("version", source.version())]
    if what == "about":
        return _about(directory)
    if what == "archive":
        found = python_archive.choose(directory, words[2])
        return [
            ("path", str(found.path)),
            ("sha256", found.sha256),
            ("name", found.install_name),
            ("need_kib", str(found.need_kib)),
        ]
    raise ValueError(what)


def _about(directory: Path) -> list[tuple[str, str]]:
    own = [path for path in directory.glob("jetson_deploy-*.whl") if _OWN.fullmatch(path.name)]
    if len(own) != 1:
        raise PreflightError(
            f"there {'is no wheel' if not own else 'are several wheels'} of jetson-deploy in what was given",
            hint="give a directory that has one, jetson_deploy-VERSION-py3-none-any.whl, and those that it needs",
            code="no-tool-there",
        )
    if not list(directory.glob("pip-*.whl")):
        raise PreflightError(
            "there is no wheel of pip in what was given, and pip installs the others",
            hint="where there is a network: pip download --no-deps -d DIR 'pip>=23.1'",
            code="wheelhouse-incomplete",
        )
    version = own[0].name.split("-")[1]
    try:
        name, need = f"{version}-{identity(own[0])[:8]}", need_kib(directory.glob("*.whl"))
    except (zipfile.BadZipFile, OSError, KeyError) as error:
        raise PreflightError(
            f"a wheel in what was given cannot be read: {error}", hint="copy it again", code="package-damaged"
        ) from error
    return [("name", name), ("version", version), ("need_kib", str(need))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
