"""One rehearsal: its parts on this machine, started, filled, used through the command line, and ended."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.errors import JetsonDeployError, PreflightError, UsageError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import check_image_reference
from jetson_deploy.plan.plan import Plan
from jetson_deploy.rehearsal.board import rehearsal_blobs
from jetson_deploy.rehearsal.engine import Engine
from jetson_deploy.rehearsal.image import MANIFEST_TYPE, Program, make_image
from jetson_deploy.rehearsal.model import StandIn, make_model
from jetson_deploy.rehearsal.namespace import Namespace
from jetson_deploy.rehearsal.ollama_binary import VERSION, ollama_binary
from jetson_deploy.rehearsal.overlay import write_overlay
from jetson_deploy.rehearsal.processes import check_programs, end
from jetson_deploy.rehearsal.push import Label
from jetson_deploy.rehearsal.registry import ADDRESS, Registry
from jetson_deploy.rehearsal.weights import weights

WORK = Path("/var/tmp")  # noqa: S108 - not /tmp: images of some GB may not fit a tmpfs
PREFIX = "jd-"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`session.json`: what is needed to use a rehearsal from another process, and to end it."""

    id: str
    directory: str
    namespace: str
    socket: str
    root: str
    board: str
    store: str
    words: str
    engine_pid: int
    registry_pid: int
    jd: str
    """A script that runs any verb in this rehearsal."""


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """What was put into the registry, for which plan."""

    plan: Plan
    model: StandIn


class Session:
    """The parts of one rehearsal. `start`, `fill`, `verb`…, `stop`; `stop` is right after any of them."""

    def __init__(self, board: str, root: Path, id_: str | None = None) -> None:
        self.id = id_ or f"{os.getpid():x}"
        self.board, self.root = board, root
        self.directory = WORK / f"{PREFIX}{self.id}"
        self.namespace = Namespace(f"{PREFIX}{self.id}")
        self.engine = Engine(directory=self.directory, namespace=self.namespace)
        self.registry = Registry(directory=self.directory, namespace=self.namespace)
        self.store = self.directory / "store"
        self._engine_pid = 0
        self._registry_pid = 0

    @property
    def words(self) -> str:
        """What is simulated; printed by every verb."""
        return f"board and memory of {self.board}; SmolLM2-135M weights under the model's name; no GPU, CPU accepted"

    def start(self) -> None:
        """Namespace, registry, engine. Raises PreflightError; nothing is left then."""
        check_programs()
        self.directory.mkdir(parents=True)
        try:
            self.namespace.create()
            self._registry_pid = self.registry.start()
            self._engine_pid = self.engine.start()
            self.store.mkdir()
            self._remember()
        except BaseException:
            self.stop()
            raise

    def fill(self, model: str | None, report: Reporter, *, program: Program = "ollama") -> Filled:
        """Ask the product for its plan, and put stand-ins under the very names that it picked."""
        plan = self._plan(model)
        reference = check_image_reference(plan.image.reference)
        name, tag = reference.name, reference.tag or "latest"
        report(Note(level="info", text=f"stand-ins: image {name}:{tag} (Ollama {VERSION}), model {plan.model.name}"))
        label = Label(repository=reference.repository, tag=tag, media_type=MANIFEST_TYPE)
        digest, size = make_image(self.directory / "image", ollama_binary(report), label, program=program)
        family, _, size_tag = plan.model.name.partition(":")
        entry = load_catalog().models[family].sizes[size_tag]
        made = make_model(self.directory / "model", weights(), rehearsal_blobs(), plan.model.name, entry)
        for bundle in ("image", "model"):
            self.registry.push(self.directory / bundle)
            shutil.rmtree(self.directory / bundle)
        write_overlay(
            self.directory / "catalog",
            image=f"{name}:{tag}",
            image_digest=digest,
            image_bytes=size,
            ollama=VERSION,
            model=plan.model.name,
            model_digest=made.manifest_digest,
        )
        return Filled(plan=plan, model=made)

    def verb(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the product's command line in this rehearsal."""
        return subprocess.run(
            self.command(*arguments), env=self.environment(), capture_output=capture, text=True, check=False
        )

    def command(self, *arguments: str) -> list[str]:
        """argv of a verb, inside the namespace, on the captured board."""
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
            "JETSON_DEPLOY_CATALOG": str(self.directory / "catalog"),
            "JETSON_DEPLOY_STATE_DIR": str(self.directory / "state"),
            "JETSON_DEPLOY_LOCK_DIR": str(self.directory / "lock"),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        }

    def start_engine(self) -> None:
        """Again, after somebody ended it."""
        end(self._engine_pid)  # takes the zombie away too: its pid file names a process that must be gone
        self._engine_pid = self.engine.start()
        self._remember()

    def stop_registry(self) -> None:
        self.registry.stop(self._registry_pid)

    def stop(self) -> None:
        """End everything that this rehearsal started, in any state of it."""
        if self._engine_pid:
            self.engine.stop(self._engine_pid)
        if self._registry_pid:
            self.registry.stop(self._registry_pid)
        subprocess.run(["umount", "-l", str(self.store)], check=False, capture_output=True)
        if self.namespace.exists:
            self.namespace.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

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

    def _plan(self, model: str | None) -> Plan:
        """The plan of the captured board with the plain catalog. Its refusal is the rehearsal's result."""
        argv = [sys.executable, "-m", "jetson_deploy", "plan", "--json", "--root", str(self.root)]
        environment = {**os.environ, "PYTHONPATH": self.variables()["PYTHONPATH"]}
        done = subprocess.run(
            [*argv, *([model] if model else [])], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise _refusal(done.stdout, done.returncode)
        return msgspec.json.decode(done.stdout, type=Plan)

    def _remember(self) -> None:
        (self.directory / "session.json").write_bytes(msgspec.json.format(msgspec.json.encode(self.kept()), indent=1))
        exports = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in self.variables().items())
        argv = shlex.join([*self.namespace.enter(), sys.executable, "-m", "jetson_deploy"])
        script = Path(self.kept().jd)
        script.write_text(
            "#!/bin/sh\n# Runs any verb of jetson-deploy in this rehearsal.\n"
            f'{exports}[ $# -gt 0 ] || exec {argv} --help\nexec {argv} "$@" --root {shlex.quote(str(self.root))}\n'
        )
        script.chmod(0o755)


def kept_sessions() -> list[Kept]:
    """Rehearsals that were left running."""
    found = []
    for path in sorted(WORK.glob(f"{PREFIX}*/session.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Kept))
        except (OSError, msgspec.MsgspecError):
            continue
    return found


def stop_kept(id_: str | None) -> list[str]:
    """End one kept rehearsal, or all. Raises UsageError for an id that is not there."""
    kept = [k for k in kept_sessions() if id_ in (None, k.id)]
    if id_ is not None and not kept:
        raise UsageError(
            f"no rehearsal {id_!r} is running",
            hint=f"running: {', '.join(k.id for k in kept_sessions()) or 'none'}",
            code="unknown-rehearsal",
        )
    for one in kept:
        session = Session(one.board, Path(one.root), one.id)
        session._engine_pid, session._registry_pid = one.engine_pid, one.registry_pid
        session.stop()
    return [k.id for k in kept]


class _ErrorAnswer(msgspec.Struct):
    code: str
    message: str
    hint: str
    exit_code: int


def _refusal(document: str, code: int) -> JetsonDeployError:
    """The product's own refusal, with its exit code."""
    try:
        answer = msgspec.json.decode(document, type=_ErrorAnswer)
    except msgspec.MsgspecError:
        return PreflightError(f"plan ended with {code} and said nothing", hint="run plan by hand", code="plan-failed")
    error = JetsonDeployError(answer.message, hint=answer.hint, code=answer.code)
    error.exit_code = answer.exit_code
    return error
