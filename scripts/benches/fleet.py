"""`fleet hosts`, `fleet run` and `fleet up` over rehearsed boards, against a bare asyncssh script and Ansible.

The boards compute on the same cores as the controller: wall time holds both. The processor time and the memory of the
tables are the controller's own, with every process that it starts; the boards' are not counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benches.fleet_follow import follow
from benches.fleet_growth import SIZES, growth
from benches.fleet_memory import COMMAND, LIMIT_SECONDS, UNREACHABLE, memory
from benches.fleet_up import check_unchanged, collections, playbook
from benches.measure import Command, Measured, measure
from benches.table import Contender, Row, at_least, at_most, in_turn, print_table
from benches.workplace import REPOSITORY, TOOL, need_root, note, workplace
from jetson_deploy.fleet.reading.script import command as reading_command
from jetson_deploy.fleet.reading.script import script as reading_script
from jetson_deploy.rehearsal.fleet import hierarchies
from jetson_deploy.rehearsal.fleet.fleet import Fleet

BOARDS = 50
_ROUNDS = 3
_FULL_ROUNDS = 5
_LIGHT = "own systemd, sshd and captured root; stand-ins for engine and server"
VERBS = ("hosts", "run -- true", "up --yes")
_ROOM = 64 << 20
_SCRIPT_AIM = 1.3
_ANSIBLE_AIM = 8.0
_UP_AIM = 4.0
_ANSIBLE = {
    "ANSIBLE_FORKS": "50",
    "ANSIBLE_PIPELINING": "1",
    # Its 10 s are too few where 50 logins at a time share two cores with the boards.
    "ANSIBLE_TIMEOUT": "60",
    "ANSIBLE_HOST_KEY_CHECKING": "1",
    "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
    # Masters live on as processes of their own: their work would not be counted, and the next round would find them.
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",
}


def fleet(rounds: int | None, boards: int | None, *, full: bool) -> None:
    """Tables for reading all boards, a command that does nothing, a rollout where nothing is to be done, following
    lines, growth, and memory. `full`: more rounds."""
    fleet_compared(rounds, boards, full=full)
    fleet_growth(rounds, boards, full=full)
    fleet_memory(boards)


def fleet_compared(rounds: int | None, boards: int | None, *, full: bool) -> None:
    """Its first four tables alone."""
    need_root()
    many, times_ = boards or BOARDS, rounds or (_FULL_ROUNDS if full else _ROUNDS)
    with workplace(_ROOM) as work:
        modules = collections(work)
        note(f"booting {many} boards")
        with Fleet(many, kind="light") as rehearsed:
            bench = Bench(work, rehearsed, modules)
            print(f"{many} light boards ({_LIGHT}), read.\n")
            bench.table(bench.reading(), times_)
            print(f"The same {many} boards, `true` on each.\n")
            bench.table(bench.nothing(), times_)
            print(
                f"The same {many} boards, as wanted already: `fleet up --yes`, against a playbook of docker_container"
            )
            print("and uri that gathers no facts (forks 50, pipelining).\n")
            bench.up_table(times_)
            follow(work, rehearsed)


def fleet_growth(rounds: int | None, boards: int | None, *, full: bool) -> None:
    """The table of growth alone."""
    need_root()
    most, times_ = boards or max(SIZES), (rounds or _FULL_ROUNDS) if full else 1
    sizes = sorted({*(size for size in SIZES if size <= most), most})
    with workplace(_ROOM) as work:
        note(f"booting {most} boards")
        with Fleet(most, kind="light") as rehearsed:
            print(f"The first of {most} light boards ({_LIGHT}).\n")
            grown = Bench(work, rehearsed, work)
            with contextlib.suppress(SystemExit):  # once before, for the byte code of the tool on the boards
                grown.verb("up --yes", most)
            growth(grown.verb, VERBS, times_, sizes)


def fleet_memory(boards: int | None) -> None:
    """The last table alone."""
    need_root()
    many = boards or max(SIZES)
    with workplace(_ROOM) as work:
        note(f"booting {many} boards")
        with Fleet(many, kind="light") as rehearsed:
            memory(work, rehearsed, Bench(work, rehearsed, work).waiting())


class Bench:
    def __init__(self, work: Path, rehearsed: Fleet, modules: Path) -> None:
        self._work, self._fleet = work, rehearsed
        self._cpu: dict[str, list[float]] = {}
        own = {key: value for key, value in rehearsed.variables().items() if key.startswith("JETSON_DEPLOY_")}
        self._environment = {**os.environ, **own}
        inventory = "".join(f"{place.name}\n" for place in rehearsed.places)
        (work / "inventory").write_text(inventory)
        home, configuration = work / "ansible", work / "ansible.cfg"
        home.mkdir(exist_ok=True)
        configuration.touch()
        self._ansible = {
            **os.environ,
            **_ANSIBLE,
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_CONFIG": str(configuration),
            "ANSIBLE_COLLECTIONS_PATH": str(modules),
            "ANSIBLE_SSH_COMMON_ARGS": f"-F {rehearsed.ssh_config}",
        }

    def reading(self) -> list[Contender]:
        read = self._script("read", reading_command(()), reading_script().decode())
        setup = ["-m", "ansible.builtin.setup"]
        return [read, self._ours("fleet hosts", "hosts"), self._with_ansible("ansible setup", setup)]

    def nothing(self) -> list[Contender]:
        module = ["-m", "ansible.builtin.command", "-a", "true"]
        return [
            self._script("nothing", "true", ""),
            self._ours("fleet run -- true", "run", "--", "true"),
            self._with_ansible("ansible command", module),
        ]

    def waiting(self) -> Contender:
        label = "ansible -m command -a 'sleep 60' (forks 50)"
        return self._with_ansible(label, COMMAND, files=True, limit=LIMIT_SECONDS, may_end_with=(0, UNREACHABLE))

    def _script(self, name: str, command: str, stdin: str) -> Contender:
        file = self._work / f"{name}.json"
        asked = {
            "addresses": [place.address for place in self._fleet.places],
            "key": str(self._fleet.layout.login_key),
            "known_hosts": str(self._fleet.layout.known_hosts),
            "command": command,
            "input": stdin,
        }
        file.write_text(json.dumps(asked))
        argv = [sys.executable, str(REPOSITORY / "scripts/benches/fleet_script.py"), str(file)]
        return self._contender("asyncssh script", argv)

    def up_table(self, rounds: int) -> None:
        """Once before, for the byte code of the tool on the boards."""
        written, program = self._work / "playbook.yml", REPOSITORY / ".venv/bin/ansible-playbook"
        written.write_text(json.dumps(playbook(self._fleet)))
        argv = [str(program), "-u", "root", "-i", str(self._work / "inventory"), str(written)]
        # docker_container needs `requests` there, as the boards' own Python does not have it.
        environment = {**self._ansible, "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
        one = ["--limit", self._fleet.places[0].name]
        check_unchanged([*self._fleet.enter(), *argv, *one], environment)
        ours = self._ours("fleet up --yes", "up", "--yes")
        ours.run()
        self._cpu.clear()
        ansible = self._contender("ansible-playbook", argv, environment)
        first, second = in_turn([ours, ansible], rounds)
        slower, dearer = second.seconds / first.seconds, second.cpu_seconds / first.cpu_seconds
        told = [f"{slower:.1f}", at_least(_UP_AIM, slower), *times(dearer)]
        lines = [self._line(first, ["", "", "", ""]), self._line(second, told)]
        print_table(rounds, ["CPU time of the boards", "÷ ours", "aim", "CPU ÷ ours", "aim"], lines)

    def verb(self, typed: str, many: int) -> Measured:
        """On the first boards."""
        verb, *words = typed.split()
        limit = ["--limit", ":".join(place.name for place in self._fleet.places[:many])]
        argv = [*self._fleet.enter(), str(TOOL), "fleet", verb, *self._reach(), *limit, *words]
        return measure(Command(typed, argv, self._environment, files=True))

    def _reach(self) -> list[str]:
        return ["-i", str(self._fleet.inventory), "--ssh-config", str(self._fleet.ssh_config)]

    def _ours(self, label: str, verb: str, *words: str) -> Contender:
        return self._contender(label, [str(TOOL), "fleet", verb, *self._reach(), *words], self._environment)

    def _with_ansible(
        self,
        label: str,
        module: Sequence[str],
        *,
        files: bool = False,
        limit: float | None = None,
        may_end_with: Sequence[int] = (0,),
    ) -> Contender:
        program = REPOSITORY / ".venv/bin/ansible"
        argv = [str(program), "all", "-u", "root", "-i", str(self._work / "inventory"), *module]
        return self._contender(label, argv, self._ansible, files=files, limit=limit, may_end_with=may_end_with)

    def _contender(
        self,
        label: str,
        argv: Sequence[str],
        environment: dict[str, str] | None = None,
        *,
        files: bool = False,
        limit: float | None = None,
        may_end_with: Sequence[int] = (0,),
    ) -> Contender:
        argv = [*self._fleet.enter(), *argv]
        inside = Command(label, argv, environment, files=files, limit_seconds=limit, may_end_with=may_end_with)

        def run() -> Measured:
            before = self._boards_cpu()
            measured = measure(inside)
            self._cpu.setdefault(label, []).append(self._boards_cpu() - before)
            return measured

        return Contender(label, run)

    def _boards_cpu(self) -> float:
        """Seconds so far, of everything that runs on the boards."""
        group = f"jd-{self._fleet.layout.id}"
        for root in (hierarchies.ROOT, hierarchies.ROOT / "unified"):
            with contextlib.suppress(OSError):
                words = (root / group / "cpu.stat").read_text().split()
                return int(words[words.index("usage_usec") + 1]) / 1e6
        return float("nan")

    def table(self, contenders: list[Contender], rounds: int) -> None:
        script, ours, ansible = in_turn(contenders, rounds)
        slower, dearer = ansible.seconds / ours.seconds, ansible.cpu_seconds / ours.cpu_seconds
        cells = ((script, ["", "", "", ""]), (ours, [*ratio(ours, script), "", ""]))
        lines = [self._line(row, more) for row, more in (*cells, (ansible, [*times(slower), *times(dearer)]))]
        print_table(rounds, ["CPU time of the boards", "÷ script, Ansible ÷ ours", "aim", "CPU ÷ ours", "aim"], lines)

    def _line(self, row: Row, more: list[str]) -> list[str]:
        return [*row.cells(), f"{statistics.median(self._cpu[row.label]):.2f} s", *more]


def ratio(ours: Row, script: Row) -> tuple[str, str]:
    found = ours.seconds / script.seconds
    return f"{found:.2f}", at_most(_SCRIPT_AIM, found)


def times(found: float) -> tuple[str, str]:
    return f"{found:.1f}", at_least(_ANSIBLE_AIM, found)
