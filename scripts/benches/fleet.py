"""`fleet hosts` and `fleet run` over rehearsed boards, against a bare asyncssh script and Ansible.

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
from benches.measure import Command, Measured, measure
from benches.table import Contender, Row, at_least, at_most, in_turn, print_table
from benches.workplace import REPOSITORY, TOOL, need_root, note, workplace
from jetson_deploy.fleet.reading.script import command as reading_command
from jetson_deploy.fleet.reading.script import script as reading_script
from jetson_deploy.rehearsal.fleet import hierarchies
from jetson_deploy.rehearsal.fleet.fleet import Fleet

BOARDS = 50
_ROUNDS = 5
_ROOM = 64 << 20
_SCRIPT_AIM = 1.3
_ANSIBLE_AIM = 8.0
_ANSIBLE = {
    "ANSIBLE_FORKS": "50",
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_HOST_KEY_CHECKING": "1",
    "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
    # Masters live on as processes of their own: their work would not be counted, and the next round would find them.
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",
}


def fleet(rounds: int | None, boards: int | None) -> None:
    """One table for reading all boards, one for a command that does nothing, one for following lines."""
    need_root()
    many = boards or BOARDS
    with workplace(_ROOM) as work:
        note(f"booting {many} boards")
        with Fleet(many) as rehearsed:
            bench = Bench(work, rehearsed)
            print(f"{many} light boards (own systemd, sshd and captured root; no engine), read.\n")
            bench.table(bench.reading(), rounds or _ROUNDS)
            print(f"The same {many} boards, `true` on each.\n")
            bench.table(bench.nothing(), rounds or _ROUNDS)
            follow(work, rehearsed)


class Bench:
    def __init__(self, work: Path, rehearsed: Fleet) -> None:
        self._work, self._fleet = work, rehearsed
        self._cpu: dict[str, list[float]] = {}
        inventory = "".join(f"{place.name}\n" for place in rehearsed.places)
        (work / "inventory").write_text(inventory)
        home, configuration = work / "ansible", work / "ansible.cfg"
        home.mkdir()
        configuration.touch()
        self._ansible = {
            **os.environ,
            **_ANSIBLE,
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_CONFIG": str(configuration),
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

    def _ours(self, label: str, verb: str, *words: str) -> Contender:
        given = ["-i", str(self._fleet.inventory), "--ssh-config", str(self._fleet.ssh_config)]
        return self._contender(label, [str(TOOL), "fleet", verb, *given, *words])

    def _with_ansible(self, label: str, module: Sequence[str]) -> Contender:
        program = REPOSITORY / ".venv/bin/ansible"
        argv = [str(program), "all", "-u", "root", "-i", str(self._work / "inventory"), *module]
        return self._contender(label, argv, self._ansible)

    def _contender(self, label: str, argv: Sequence[str], environment: dict[str, str] | None = None) -> Contender:
        inside = Command(label, [*self._fleet.enter(), *argv], environment)

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
        lines = [
            [*row.cells(), f"{statistics.median(self._cpu[row.label]):.2f} s", *more]
            for row, more in (*cells, (ansible, [*times(slower), *times(dearer)]))
        ]
        print_table(rounds, ["CPU time of the boards", "÷ script, Ansible ÷ ours", "aim", "CPU ÷ ours", "aim"], lines)


def ratio(ours: Row, script: Row) -> tuple[str, str]:
    found = ours.seconds / script.seconds
    return f"{found:.2f}", at_most(_SCRIPT_AIM, found)


def times(found: float) -> tuple[str, str]:
    return f"{found:.1f}", at_least(_ANSIBLE_AIM, found)
