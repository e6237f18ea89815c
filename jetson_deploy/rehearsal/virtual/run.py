"""Virtual boards in use: booted, a registry with what their own plan asks for, and `fleet`, which brings the tool.

The unmodified product runs on a board, without `--root`: its settings name registry and catalog of the stand-ins.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from jetson_deploy.catalog.layers import built_in_dir
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Note, Reporter, silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.controller import controller_environment
from jetson_deploy.rehearsal.fleet.kept_fleets import VIRTUAL, KeptFleet, write_script
from jetson_deploy.rehearsal.kept import PREFIX, WORK
from jetson_deploy.rehearsal.product_plan import product_plan, python_path
from jetson_deploy.rehearsal.registry import Registry
from jetson_deploy.rehearsal.virtual.command_line import GATE
from jetson_deploy.rehearsal.virtual.engine_files import engine_files
from jetson_deploy.rehearsal.virtual.guard import Guard, end_run
from jetson_deploy.rehearsal.virtual.machine import Machine
from jetson_deploy.rehearsal.virtual.making import Choice, make
from jetson_deploy.rehearsal.virtual.reach import write_reach
from jetson_deploy.rehearsal.virtual.ready import check_run
from jetson_deploy.rehearsal.virtual.registry import PORT, fill_for_arm64, registry_in
from jetson_deploy.rehearsal.virtual.room import check_room, room_words
from jetson_deploy.store.hashing import cores

TOOL = "/usr/local/bin/jetson-deploy"
COMMAND_SECONDS = 900.0
"""For one command of the product: a first token takes a minute on an emulated board, on a busy machine several."""


class VirtualRun:
    """`with VirtualRun() as run:` has booted boards without the tool; `fill`, then `fleet("up", …)`."""

    guarded = True
    """Nothing of it outlives the process that made it, unless `keep` says so."""

    def __init__(
        self, count: int = 1, *, board: str = DEFAULT_BOARD, report: Reporter = silent, work: Path = WORK, **how: Any
    ) -> None:
        """`board`: a captured one; `how`: further fields of `Choice`."""
        find_board(board)
        self.board, self._report, self._how = board, report, how
        self.id = f"v{secrets.token_hex(4)}"
        self.directory = work / f"{PREFIX}{self.id}"
        self.registry: Registry = registry_in(self.directory)
        self.count, self._work = count, work
        self._guard: Guard | None = None
        self.machines: list[Machine] = []
        self.plan: Plan | None = None

    @property
    def words(self) -> str:
        """What is simulated; printed by every command on a board."""
        return f"{self.board} emulated: no GPU, a generic kernel, Debian; SmolLM2-135M weights under the model's name"

    @property
    def catalog(self) -> Path:
        """The same path here, for the controller, and on a board."""
        return self.directory / "catalog"

    def __enter__(self) -> VirtualRun:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Boot them all. Raises PreflightError, ResourceError; nothing is left then."""
        check_run()
        check_room(self.count, self._work)
        self._report(Note(level="info", text=room_words(self.count)))
        self.directory.mkdir(mode=0o700)
        try:
            if self.guarded:
                self.kept().write()  # should the guard be killed with us, `rehearse --stop` finds what there is
                self._guard = Guard(self.directory)
            self.registry.start()
            for number in range(1, self.count + 1):
                self.machines.append(self._made(number))
            self._boot()
            write_reach(self.machines, self.environment(), self.ssh_config, self.inventory)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Nothing is left."""
        end_run(self.directory)
        if self._guard is not None:
            self._guard.end()

    def fill(self, model: str | None = None) -> Plan:
        """The registry, with what the first board's own plan asks for. Raises the plan's refusal."""
        plan = self.plan = product_plan(self.capture(self.machines[0]), model)
        fill_for_arm64(plan, self.directory, self.registry, self._report)
        for machine in self.machines:
            self.must(machine, f"mkdir -p {self.directory}")
            machine.put([self.catalog], str(self.directory))
        return plan

    def capture(self, machine: Machine) -> Path:
        """What scripts/capture-host records there: a captured root here."""
        script = (built_in_dir() / "scripts" / "capture-host").read_text(encoding="utf-8")
        self.must(machine, "rm -rf /run/captured.tar.gz; exec python3 - /run/captured.tar.gz", stdin=script)
        target = self.directory / f"captured-{machine.wanted.name}"
        shutil.rmtree(target, ignore_errors=True)
        packed = subprocess.run(
            machine.shell.command("cat /run/captured.tar.gz"), capture_output=True, check=True, timeout=300
        ).stdout
        target.mkdir()
        (target / "root.tar.gz").write_bytes(packed)
        with tarfile.open(target / "root.tar.gz") as archive:
            archive.extractall(target, filter="tar")
        return target / "root"

    def environment(self) -> dict[str, str]:
        """Of every command on a board: documented settings, nothing else."""
        return {
            "JETSON_DEPLOY_REHEARSAL": self.words,
            "JETSON_DEPLOY_REGISTRY": f"http://{GATE}:{PORT}",
            "JETSON_DEPLOY_IMAGE_REGISTRY": f"{GATE}:{PORT}",
            "JETSON_DEPLOY_CATALOG": str(self.catalog),
            # It is waited for by a person, or by a test.
            "JETSON_DEPLOY_STABILITY_SECONDS": os.environ.get("JETSON_DEPLOY_STABILITY_SECONDS", "5"),
        }

    def tool_line(self, *arguments: str, **variables: str) -> str:
        """A command of the product as a line of a board's shell."""
        words = [f"{key}={value}" for key, value in {**self.environment(), **variables}.items()]
        return shlex.join(["env", *words, TOOL, *arguments])

    def tool(
        self, machine: Machine, *arguments: str, seconds: float = COMMAND_SECONDS, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return machine.ssh(self.tool_line(*arguments, **variables), seconds=seconds)

    def must(self, machine: Machine, command: str, *, stdin: str = "", seconds: float = 300.0) -> str:
        """Standard output of a command that ends with 0. Raises PreflightError."""
        done = machine.ssh(command, stdin=stdin, seconds=seconds)
        if done.returncode != 0:
            said = done.stderr.strip()[-300:]
            raise PreflightError(
                f"on {machine.wanted.name}, {command[:80]!r} ended with {done.returncode}: {said}",
                hint=f"see {machine.console}",
                code="board-command-failed",
            )
        return done.stdout

    def typed(self, verb: str, *arguments: str) -> list[str]:
        """`jetson-deploy fleet VERB …` of the controller, which is this machine."""
        reach = ["-i", str(self.inventory), "--ssh-config", str(self.ssh_config)]
        return [sys.executable, "-m", "jetson_deploy", "fleet", verb, *reach, *arguments]

    def variables(self) -> dict[str, str]:
        """Of the controller, over its own."""
        records = str(self.directory / "rollouts")
        return {
            "JETSON_DEPLOY_FLEET_DIR": records,
            "JETSON_DEPLOY_CATALOG": str(self.catalog),
            "PYTHONPATH": python_path(),
        }

    def fleet(
        self, verb: str, *arguments: str, seconds: float = 2 * COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        argv = self.typed(verb, *arguments)
        environment = controller_environment(self.variables())
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=seconds)

    @property
    def inventory(self) -> Path:
        return self.directory / "fleet.yaml"

    @property
    def ssh_config(self) -> Path:
        return self.directory / "ssh_config"

    def kept(self) -> KeptFleet:
        return KeptFleet(
            id=self.id,
            directory=str(self.directory),
            holder=0,
            boards=self.count,
            kind=VIRTUAL,
            board=self.board,
            words=self.words,
            inventory=str(self.inventory),
            ssh_config=str(self.ssh_config),
            jd=str(self.directory / "jd"),
        )

    def keep(self) -> KeptFleet:
        """It goes on when this process ends."""
        kept = self.kept()
        program = [sys.executable, "-m", "jetson_deploy"]
        write_script(Path(kept.jd), program, self.variables(), self.inventory, self.ssh_config)
        if self._guard is not None:
            self._guard.stay()
        return kept

    def _boot(self) -> None:
        """As many at once as there are cores: more would only be late together."""
        at_once = cores()
        for position, machine in enumerate(self.machines):
            if position >= at_once:
                self._wait(self.machines[position - at_once])
            machine.start()
        for machine in self.machines[-at_once:]:
            self._wait(machine)

    def _wait(self, machine: Machine) -> None:
        seconds = machine.wait()
        self._report(Note(level="info", text=f"{machine.wanted.name}: ssh answers after {seconds:.0f} s"))
        # A boot ends with Docker: who asks it before that is not answered.
        machine.ssh("systemctl is-system-running --wait", seconds=COMMAND_SECONDS)

    def _made(self, number: int) -> Machine:
        name = f"board-{number}" if self.count > 1 else "board"
        choice = Choice(
            name=name,
            serial=f"14200000{number:05d}",
            captured=self.board,
            forwards={PORT: int(self.registry.address.rpartition(":")[2])},
            files=engine_files(f"{GATE}:{PORT}"),
            **self._how,
        )
        return make(choice, self._report, self.directory / name)
