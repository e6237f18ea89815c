"""Some rehearsed boards, from start to end."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from jetson_deploy.events import Reporter, silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.fleet import hierarchies, power
from jetson_deploy.rehearsal.fleet.boot import init_script, supervise_script
from jetson_deploy.rehearsal.fleet.full import DISK, full_files
from jetson_deploy.rehearsal.fleet.holder import Holder, network
from jetson_deploy.rehearsal.fleet.kept_fleets import KeptFleet, write_script
from jetson_deploy.rehearsal.fleet.keys import make_key, make_keys
from jetson_deploy.rehearsal.fleet.layer import ABSENT, HIDDEN, File, common, own, write
from jetson_deploy.rehearsal.fleet.layout import MOST, Layout, Place, places
from jetson_deploy.rehearsal.fleet.light import UNIT, converge, light_files
from jetson_deploy.rehearsal.fleet.reach import inventory, known_hosts, ssh_config
from jetson_deploy.rehearsal.fleet.ready import check_here, raise_limit
from jetson_deploy.rehearsal.fleet.site import Kind, Site
from jetson_deploy.rehearsal.kept import PREFIX, WORK
from jetson_deploy.rehearsal.processes import check_programs
from jetson_deploy.rehearsal.product_plan import python_path

_PARTS = {
    "bare": "no engine",
    "light": "stand-ins for engine and server, which compute nothing",
    "full": "SmolLM2-135M weights under the model's name; no GPU, CPU accepted",
}


class Fleet:
    """`with Fleet(3) as fleet:`; `fleet.enter()` is where a controller is."""

    def __init__(
        self,
        count: int,
        *,
        kind: Kind = "bare",
        board: str = DEFAULT_BOARD,
        models: Sequence[str | None] = (None,),
        converged: bool = True,
        tool: bool = True,
        settings: Mapping[str, object] | None = None,
        report: Reporter = silent,
        work: Path = WORK,
    ) -> None:
        """`models`: that the registry has; None: what the product picks for the board. `converged`: light boards have
        the first of them deployed. `tool`: this version of it is there. `settings`: of all boards in fleet.yaml."""
        self.board, self.captured, self.kind = board, find_board(board), kind
        self._models, self._converged, self._tool, self._report = models, converged, tool, report
        self._settings = dict(settings or {})
        id_ = f"f{secrets.token_hex(4)}"  # told from a rehearsal of one board at sight
        self.layout = Layout(id=id_, directory=work / f"{PREFIX}{id_}")
        self.places = places(self.layout, count)
        self._template = Place(layout=self.layout, number=MOST + 1)
        self.holder = Holder(layout=self.layout)
        self.site = Site(layout=self.layout, holder=self.holder, captured=self.captured, kind=kind)
        self._keys: dict[str, tuple[bytes, str]] = {}

    @property
    def count(self) -> int:
        return len(self.places)

    @property
    def words(self) -> str:
        """What is simulated; printed by every command on a board."""
        return f"board and memory of {self.board}; its processor and kernel are this machine's; {_PARTS[self.kind]}"

    @property
    def environment(self) -> dict[str, str]:
        """Of every command on a board."""
        own = {"JETSON_DEPLOY_REHEARSAL": self.words, "JETSON_DEPLOY_STABILITY_SECONDS": "1"}
        return own | self.site.environment()

    @property
    def inventory(self) -> Path:
        """fleet.yaml."""
        return self.layout.inventory

    @property
    def ssh_config(self) -> Path:
        """With key and known_hosts; `home` is a home that has it as ~/.ssh/config."""
        return self.layout.ssh_config

    @property
    def home(self) -> Path:
        return self.layout.home

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Boot all of them. Raises PreflightError; nothing is left then."""
        check_here()
        if self.kind == "full":
            check_programs()
        self.layout.directory.mkdir(mode=0o700)
        try:
            self._remember()  # first of all: should we be killed, `--stop` finds what there is
            raise_limit(len(self.places))
            hierarchies.prepare(self.layout.run)
            self._write_keys()
            self.holder.start()
            self._remember()
            self.holder.run("ip", "-batch", "-", stdin=network([*self.places, self._template]))
            if self.kind != "bare":
                self.site.open(self._models, self._report)
            self._write_reach()
            self._write_boards()
            if self.kind == "light" and self._converged:
                converge(self.holder, self._template)
            for place in self.places:
                self.boot(place)
            self.wait(self.places, seconds=240 + 2 * len(self.places))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Nothing is left."""
        self.holder.end()
        hierarchies.remove(self.layout.run)
        shutil.rmtree(self.layout.directory, ignore_errors=True)

    def boot(self, place: Place) -> None:
        """Switch it on; returns at once."""
        power.switch_on(self.holder, place)

    def wait(self, wanted: Sequence[Place], seconds: float = 240.0) -> None:
        """Until each listens for SSH. Raises PreflightError."""
        power.wait(wanted, seconds=seconds)

    def init_of(self, place: Place) -> int | None:
        return power.init_of(place)

    def enter(self) -> list[str]:
        """Prefix of a controller's command: in the network that the boards are in, on this machine's own files."""
        return self.holder.enter(mounts=False)

    def ssh(
        self, place: Place, command: str, *, stdin: str = "", options: Sequence[str] = (), seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """By OpenSSH, as root where no option says otherwise."""
        argv = [*self.enter(), "ssh", "-F", str(self.ssh_config), *options, place.name, command]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=seconds)

    def inside(self, place: Place, *argv: str, stdin: str = "") -> str:
        """A command on the board, without SSH; its standard output. Raises PreflightError."""
        return self.holder.run_in(self.init_of(place), *argv, stdin=stdin)

    def files(self, place: Place) -> Path:
        """The board's root, seen from here; gone with its first process."""
        return Path(f"/proc/{self.init_of(place)}/root")

    def variables(self) -> dict[str, str]:
        """Of a controller: its home has the boards' ssh_config, and its records are the run's."""
        records = str(self.layout.directory / "rollouts")
        shared = {key: value for key, value in self.site.environment().items() if key == "JETSON_DEPLOY_CATALOG"}
        return {
            "HOME": str(self.home),
            "JETSON_DEPLOY_FLEET_DIR": records,
            "PYTHONPATH": python_path(),
            **shared,
        }

    def typed(self, verb: str, *arguments: str) -> list[str]:
        """`jetson-deploy fleet VERB …` where the controller is."""
        reach = ["-i", str(self.inventory), "--ssh-config", str(self.ssh_config)]
        return [*self.enter(), sys.executable, "-m", "jetson_deploy", "fleet", verb, *reach, *arguments]

    def kept(self) -> KeptFleet:
        return KeptFleet(
            id=self.layout.id,
            directory=str(self.layout.directory),
            holder=self.holder.pid,
            boards=len(self.places),
            kind=self.kind,
            board=self.board,
            words=self.words,
            inventory=str(self.inventory),
            ssh_config=str(self.ssh_config),
            jd=str(self.layout.directory / "jd"),
        )

    def keep(self) -> KeptFleet:
        """It goes on when this process ends."""
        kept = self.kept()
        program = [*self.enter(), sys.executable, "-m", "jetson_deploy"]
        write_script(Path(kept.jd), program, self.variables(), self.inventory, self.ssh_config)
        self.holder.stay()
        return kept

    def _remember(self) -> None:
        self.kept().write()

    def _write_keys(self) -> None:
        (self.layout.directory / "log").mkdir()
        self.layout.login_key.parent.mkdir(mode=0o700, parents=True)
        make_key(self.layout.login_key, "rehearsal")
        folder = self.layout.directory / "hosts"
        folder.mkdir()
        self._keys = make_keys(folder, [place.name for place in self.places])

    def _write_reach(self) -> None:
        public = {name: text for name, (_, text) in self._keys.items()}
        self.layout.ssh_config.write_text(ssh_config(self.layout, self.places))
        self.layout.known_hosts.write_text(known_hosts(self.places, public))
        self.layout.inventory.write_text(inventory(self.layout, self.places, self.environment, self._settings))

    def _write_boards(self) -> None:
        inside = self.holder.path
        write(inside(self.layout.layer), self._common(), HIDDEN, ABSENT)
        found = hierarchies.hierarchies()
        script = supervise_script(self.layout.memory, [one.base / self.layout.run for one in found])
        (inside(self.layout.memory) / "supervise").write_text(script)
        binds = DISK if self.kind == "full" else ""
        for place in (*self.places, self._template):
            key, _ = self._keys.get(place.name, (b"", ""))
            write(inside(place.upper), own(place, key))
            text = init_script(place, self.captured, cgroup=hierarchies.mounts(found), binds=binds)
            (inside(place.memory) / "init").write_text(text)

    def _common(self) -> dict[str, File]:
        login = self.layout.login_key.with_name(f"{self.layout.login_key.name}.pub").read_text()
        wanted = () if self.kind == "bare" else (UNIT,)
        files = common(self.captured, login, self.environment, tool=self._tool, wanted=wanted)
        files |= {str(path).lstrip("/"): File(path.read_bytes()) for path in self.site.catalog.rglob("*.yaml")}
        if self.kind == "full":
            return files | full_files()
        return files | light_files(self.site.behaviour()) if self.kind == "light" else files
