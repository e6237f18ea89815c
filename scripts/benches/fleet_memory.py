"""What a controller holds while every board tells it something, against Ansible waiting for a command on as many."""

from __future__ import annotations

from pathlib import Path

from benches.fleet_follow import SECONDS, ran
from benches.measure import Measured
from benches.table import Contender, at_most
from benches.workplace import note
from jetson_deploy.rehearsal.fleet.fleet import Fleet

COMMAND = ["-m", "ansible.builtin.command", "-a", "sleep 60"]
_FEW = 10
_MOST_MIB = 90.0
_A_BOARD_MIB = 0.25
LIMIT_SECONDS = 600.0
"""For Ansible's command: four times 60 s for 200 boards, and what it computes on cores that the boards share."""

UNREACHABLE = 4
"""Ansible's exit code where some hosts did not answer: the others ran, and what they took is known."""


def memory(work: Path, rehearsed: Fleet, ansible: Contender) -> None:
    """Each board has one connection, with one event a second."""
    many = len(rehearsed.places)
    print(f"{many} light boards, one event a second from each for {SECONDS} s, against a command of 60 s on each.\n")
    columns = ["boards", "peak memory", "aim", f"a board, beyond the first {_FEW}", "aim", "median lag, p99"]
    columns += ["CPU time", "open files"]
    print(f"| {' | '.join(('', *columns))} |\n|{' --- |' * (len(columns) + 1)}")
    for label, who in (("asyncssh script", "script"), ("our transport", "ours")):
        few, all_ = (ran(work, rehearsed, who, number) for number in (min(_FEW, many), many))
        a_board = (all_["peak_mib"] - few["peak_mib"]) / (many - _FEW) if many > _FEW else None
        aimed = who == "ours"
        cells = [
            f"{all_['peak_mib']:.0f} MiB",
            at_most(_MOST_MIB, all_["peak_mib"], " MiB") if aimed else "",
            "" if a_board is None else f"{a_board:.2f} MiB",
            at_most(_A_BOARD_MIB, a_board, " MiB") if aimed and a_board is not None else "",
            f"{all_['median_ms']:.1f} ms, {all_['p99_ms']:.1f} ms",
            f"{all_['cpu']:.2f} s",
            str(all_["files"]),
        ]
        print(f"| {label} | {many} | {' | '.join(cells)} |", flush=True)
    print(_row(ansible.label, many, ansible.run()), flush=True)
    print()


def _row(label: str, many: int, measured: Measured) -> str:
    note(f"  {many:4} boards, {label}: {measured.seconds:.0f} s")
    took = f"in {measured.seconds:.0f} s" if measured.ended else f"killed at its limit of {measured.seconds:.0f} s"
    took += ", with unreachable hosts (exit 4)" if measured.exit_code == UNREACHABLE else ""
    cpu = f"{measured.cpu_seconds:.2f} s" if measured.ended else "-"
    cells = [f"{measured.peak_bytes / (1 << 20):.0f} MiB", "", "", "", "", cpu, str(measured.peak_files)]
    return f"| `{label}`, {took} | {many} | {' | '.join(cells)} |"
