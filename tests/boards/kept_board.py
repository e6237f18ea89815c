"""A deployed virtual board that outlives a run of the tests: saved once as it ran, and beside it how each cut ended.

An hour of cuts can so be cut short, and the next run goes on. What was found with other sources is not counted: with
any change to the product or to these tests a new board is made.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from crash_points import Step
from deployed_board import PATIENCE, Board, deploy, said

from jetson_deploy.rehearsal.kept import PREFIX, WORK
from jetson_deploy.rehearsal.product_plan import product_plan
from jetson_deploy.rehearsal.virtual.machine import Machine
from jetson_deploy.rehearsal.virtual.registry import PORT, registry_in
from jetson_deploy.rehearsal.virtual.run import VirtualRun

DIRECTORY = WORK / f"{PREFIX}cuts"
OTHER = "2048"
"""The context that the `up` under test changes to."""
_SAVED = "before"
_REPOSITORY = Path(__file__).parents[2]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the saved board is about to do."""

    sources: str
    old: str
    """Tokens of context that it serves with."""
    steps: list[Step]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """One cut."""

    figure: str
    border: str
    who: str
    """Serves after the next boot: old, new or nothing."""
    why: str = ""


class KeptRun(VirtualRun):
    """One board. `stop` ends qemu and the registry, and leaves their files once the board was saved."""

    guarded = False

    def __init__(self) -> None:
        super().__init__(report=said)
        self.directory = DIRECTORY
        self.registry = registry_in(DIRECTORY)

    def start(self) -> None:
        if (DIRECTORY / "board").exists():
            self.machines.append(Machine(DIRECTORY / "board"))
        if not self._is_of_these_sources():
            super().stop()
            self.machines.clear()
            super().start()
            return
        (machine,) = self.machines
        machine.cut()
        self.registry.start()
        machine.change(forwards={PORT: int(self.registry.address.rpartition(":")[2])})
        self.plan = product_plan(DIRECTORY / f"captured-{machine.wanted.name}" / "root", None)
        print(f"the saved board of {DIRECTORY} is used again", flush=True)

    def stop(self) -> None:
        if not self._is_of_these_sources():
            super().stop()
            return
        for machine in self.machines:
            machine.cut()
        self.registry.stop()

    def saved(self) -> tuple[Board, Kept]:
        """Deployed and saved, when that was not done before; it may be off."""
        if self._is_of_these_sources():
            return Board(self, self.machines[0]), msgspec.json.decode(self._file.read_bytes(), type=Kept)
        board = deploy(self)
        (old,) = board.serving()
        steps = board.document("plan", "--accept-cpu", "--context", OTHER)["steps"]
        kept = Kept(sources=_sources(), old=old.context, steps=steps)
        board.machine.save(_SAVED)
        self._file.write_bytes(msgspec.json.encode(kept))
        return board, kept

    def goes_on(self, board: Board, *, forgets: bool) -> None:
        """From the saved state, memory and disk; `forgets` as `Machine.start` has it."""
        board.machine.cut()
        board.machine.start(load=_SAVED, forgets=forgets, seconds=PATIENCE)
        board.machine.wait(PATIENCE)

    def ended(self) -> list[Ended]:
        if not self._cuts.exists():
            return []
        return [msgspec.json.decode(line, type=Ended) for line in self._cuts.read_bytes().splitlines()]

    def write(self, ended: Ended) -> None:
        with self._cuts.open("ab") as file:
            file.write(msgspec.json.encode(ended) + b"\n")

    @property
    def _file(self) -> Path:
        return DIRECTORY / "kept.json"

    @property
    def _cuts(self) -> Path:
        return DIRECTORY / "cuts.jsonl"

    def _is_of_these_sources(self) -> bool:
        if not self._file.exists():
            return False
        return msgspec.json.decode(self._file.read_bytes(), type=Kept).sources == _sources()


def _sources() -> str:
    """Of all that runs there, and of the tests."""
    names = [name for folder in ("jetson_deploy", "tests/boards") for name in (_REPOSITORY / folder).rglob("*")]
    found = hashlib.sha256()
    for path in sorted(name for name in names if name.is_file() and "__pycache__" not in name.parts):
        found.update(f"{path.relative_to(_REPOSITORY)}\0".encode() + path.read_bytes())
    return found.hexdigest()
