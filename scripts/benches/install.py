"""The tool offline into an empty environment, against sparkrun 0.4.2 from the same local index."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benches.measure import Command, Measured, measure
from benches.table import Contender, at_most, in_turn, print_table
from benches.workplace import note, refuse, workplace
from jetson_deploy.install import source

_OURS, _THEIRS = "jetson-deploy", "sparkrun==0.4.2"
_ROUNDS = 5
_MIB = 1 << 20
_AIM_MB, _AIM_RATIO = 15.0, 0.5


def install(rounds: int | None) -> None:
    python = _python()
    with workplace(2048 * _MIB) as work:
        note("fetching the wheels of both")
        wheels = work / "wheels"
        sizes = {name: _fetched(python, name, work / name.partition("=")[0], wheels) for name in (_OURS, _THEIRS)}
        rows = in_turn([_contender(python, name, wheels, work / "environment") for name in sizes], rounds or _ROUNDS)
    said = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{said}; pip install --no-index, into an environment of its own that has pip alone.\n")
    ratio = rows[0].seconds / rows[1].seconds
    last = [at_most(_AIM_RATIO, ratio), ""]
    mega = [f"{size / 1e6:.1f} MB" for size in sizes.values()]
    aims = [at_most(_AIM_MB, round(sizes[_OURS] / 1e6, 1), " MB"), ""]
    lines = [
        [*row.cells(), mega[number], aims[number], f"{row.seconds / rows[1].seconds:.2f}", last[number]]
        for number, row in enumerate(rows)
    ]
    print_table(rounds or _ROUNDS, ["wheels", "aim", "÷ sparkrun", "aim"], lines)


def _contender(python: str, name: str, wheels: Path, environment: Path) -> Contender:
    made = environment / "bin" / "python"
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-cache-dir"]
    label = f"pip install {name}"

    def run() -> Measured:
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(environment)], check=True)
        return measure(Command(label, [str(made), *words, "--find-links", str(wheels), name]))

    return Contender(label, run)


def _fetched(python: str, name: str, directory: Path, wheels: Path) -> int:
    """Bytes of all that it needs; the wheels of both stand in one directory then."""
    directory.mkdir(parents=True)
    wheels.mkdir(exist_ok=True)
    if name == _OURS:
        source.write_wheel(directory)
    words = ["-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--only-binary=:all:"]
    done = subprocess.run([python, *words, "--dest", str(directory), "--find-links", str(directory), name], check=False)
    if done.returncode != 0:
        raise refuse(f"the wheels of {name} could not be fetched", "check the network and the package index")
    found = list(directory.glob("*.whl"))
    for path in found:
        shutil.copy(path, wheels)
    return sum(path.stat().st_size for path in found)


def _python() -> str:
    """Of Python 3.12, JetPack 7's."""
    own = sorted((Path.home() / ".pyenv/versions").glob("3.12.*/bin/python3.12"))
    found = str(own[-1]) if own else shutil.which("python3.12")
    if found is None:
        raise refuse("there is no Python 3.12", "install one: pyenv install 3.12, or uv python install 3.12")
    return found
