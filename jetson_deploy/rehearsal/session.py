"""One rehearsal: its parts on this machine, started, filled, used through the command line, and ended."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.events import Reporter
from jetson_deploy.names import shown
from jetson_deploy.rehearsal.engine import Engine
from jetson_deploy.rehearsal.filling import Filled, fill
from jetson_deploy.rehearsal.image import Program
from jetson_deploy.rehearsal.kept import PREFIX, WORK, Kept, kept_sessions
from jetson_deploy.rehearsal.namespace import Namespace
from jetson_deploy.rehearsal.ollama_binary import check_named_binary
from jetson_deploy.rehearsal.processes import check_programs, end
from jetson_deploy.rehearsal.product_plan import python_path, user_overlays
from jetson_deploy.rehearsal.registry import ADDRESS, Registry
from jetson_deploy.rehearsal.wrapper import wrapper


class Session:
    """The parts of one rehearsal. `start`, `fill`, `run`…, `stop`; `stop` is right after any of them."""

    def __init__(self, board: str, root: Path, id_: str | None = None, *, work: Path = WORK) -> None:
        self.id = id_ or secrets.token_hex(4)  # short: a unix socket's path has at most 108 bytes
        self.board, self.root = board, root
        self.directory = work / f"{PREFIX}{self.id}"
        self.namespace = Namespace(f"{PREFIX}{self.id}")
        self.engine = Engine(directory=self.directory, namespace=self.namespace)
        self.registry = Registry(directory=self.directory, namespace=self.namespace)
        self.store = self.directory / "store"
        self._engine_pid = 0
        self._registry_pid = 0
        self._is_ours = False

    @classmethod
    def of_kept(cls, kept: Kept) -> Session:
        """What `kept_sessions` found, to be stopped."""
        directory = Path(kept.directory)
        session = cls(kept.board, Path(kept.root), kept.id, work=directory.parent)
        session._is_ours = True
        return session

    @property
    def words(self) -> str:
        """What is simulated; printed by every command."""
        return f"board and memory of {self.board}; SmolLM2-135M weights under the model's name; no GPU, CPU accepted"

    def start(self) -> None:
        """Namespace, registry, engine. Raises PreflightError or UsageError; nothing is left then."""
        check_programs()
        check_named_binary()
        self._make_directory()
        try:
            self._remember()  # first of all: should we be killed, `--stop` finds what there is
            self.namespace.create()
            self._registry_pid = self.registry.start()
            self._engine_pid = self.engine.start()
            self.store.mkdir()
            self._remember()
        except BaseException:
            self.stop()
            raise

    def fill(
        self, model: str | None, report: Reporter, *, program: Program = "ollama", gguf: Path | None = None
    ) -> Filled:
        """Ask the product for its plan, and put stand-ins under the very names that it picked.

        `gguf`: other weights than SmolLM2.
        """
        return fill(self.directory, self.registry, self.root, model, report, program=program, gguf=gguf)

    def run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the product's command line in this rehearsal."""
        return subprocess.run(
            self.command(*arguments), env=self.environment(), capture_output=capture, text=True, check=False
        )

    def command(self, *arguments: str) -> list[str]:
        """argv of a command, inside the namespace, on the captured board."""
        argv = [*self.namespace.enter(), sys.executable, "-m", "jetson_deploy", *arguments]
        return [*argv, "--root", str(self.root)] if arguments else argv

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables()}

    def variables(self) -> dict[str, str]:
        """What makes the product use the rehearsal's parts: documented settings, nothing else."""
        return {
            "DOCKER_HOST": self.engine.host,
            "JETSON_DEPLOY_REHEARSAL": self.words,
            "JETSON_DEPLOY_REGISTRY": f"http://{ADDRESS}",
            "JETSON_DEPLOY_IMAGE_REGISTRY": ADDRESS,
            "JETSON_DEPLOY_CATALOG": ":".join(map(str, (*user_overlays(), self.directory / "catalog"))),
            "JETSON_DEPLOY_STATE_DIR": str(self.directory / "state"),
            "JETSON_DEPLOY_LOCK_DIR": str(self.directory / "lock"),
            # There is one board, and it is waited for by a person.
            "JETSON_DEPLOY_STABILITY_SECONDS": os.environ.get("JETSON_DEPLOY_STABILITY_SECONDS", "1"),
            "PYTHONPATH": python_path(),
        }

    def start_engine(self) -> None:
        """Start it again, after it was ended."""
        # Takes the zombie away too: its pid file names a process that must be gone.
        end(self._engine_pid, self.directory)
        self._engine_pid = self.engine.start()
        self._remember()

    def cut_power(self) -> None:
        """The board goes dark: engine and containers die at once, and what lies in memory is gone."""
        self.engine.cut_power()
        shutil.rmtree(self.directory / "lock", ignore_errors=True)

    def stop_registry(self) -> None:
        self.registry.stop()

    def start_registry(self) -> None:
        """Again, with what it holds."""
        self._registry_pid = self.registry.start()
        self._remember()

    def stop(self) -> None:
        """End everything that this rehearsal started, in any state of it; nothing of another program."""
        if not self._is_ours:
            return
        self.engine.stop()
        self.registry.stop()
        subprocess.run(["umount", "-l", str(self.store)], check=False, capture_output=True)
        if self.namespace.exists:
            self.namespace.remove()
        shutil.rmtree(self.directory, ignore_errors=True)
        self._is_ours = False

    def kept(self) -> Kept:
        return Kept(
            id=self.id,
            directory=str(self.directory),
            namespace=self.namespace.name,
            socket=str(self.engine.socket),
            root=str(self.root),
            board=self.board,
            store=str(self.store),
            words=self.words,
            engine_pid=self._engine_pid,
            registry_pid=self._registry_pid,
            jd=str(self.directory / "jd"),
        )

    def _make_directory(self) -> None:
        """Readable by root alone, and new: any user may write to its parent."""
        try:
            if self.namespace.exists:
                raise FileExistsError
            self.directory.mkdir(mode=0o700)
        except FileExistsError:
            raise PreflightError(
                f"there is a rehearsal {self.id!r} already, or something else with its name",
                hint=f"look at {self.directory} and at `ip netns`",
                code="rehearsal-exists",
            ) from None
        self._is_ours = True

    def _remember(self) -> None:
        kept, argv = self.kept(), [*self.namespace.enter(), sys.executable, "-m", "jetson_deploy"]
        kept.write()
        script = Path(kept.jd)
        script.write_text(wrapper(argv, self.variables(), self.root))
        script.chmod(0o755)


def stop_kept(id_: str | None, work: Path = WORK) -> list[str]:
    """End one kept rehearsal, or all. Raises UsageError for an id that is not there."""
    every = kept_sessions(work)
    wanted = [kept for kept in every if id_ in (None, kept.id)]
    if id_ is not None and not wanted:
        others = "" if os.geteuid() == 0 else "; those of root are seen with sudo"
        raise UsageError(
            f"no rehearsal {shown(id_)} is running",
            hint=f"running: {', '.join(kept.id for kept in every) or 'none'}{others}",
            code="unknown-rehearsal",
        )
    for kept in wanted:
        Session.of_kept(kept).stop()
    return [kept.id for kept in wanted]
