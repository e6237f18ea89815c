"""The probe's answer is foreign text: what it does not say in its own words is not believed."""

from __future__ import annotations

import pytest

from jetson_deploy.install.machine import Python, read_machine

ORIN = """Welcome to this board!
@jetson-deploy-probe
machine\taarch64
glibc\tglibc 2.35
python\t/usr/bin/python3\t3.10\taarch64\tusable
python\t/usr/bin/python3.8\t3.8\taarch64\tusable
installed\t0.1.0-0123abcd
tool\tjetson-deploy, version 0.1.0
@jetson-deploy-probe-end
"""


def test_a_greeting_of_the_shell_is_passed_over() -> None:
    machine = read_machine(ORIN)
    assert machine is not None
    assert (machine.machine, machine.glibc, machine.tool) == ("aarch64", (2, 35), "0.1.0")
    assert (machine.installed, machine.whole) == ("0.1.0-0123abcd", False)
    assert machine.best_python() == Python(path="/usr/bin/python3", version=(3, 10), machine="aarch64", usable=True)


@pytest.mark.parametrize("answer", ["", "no such command\n", ORIN.partition("@jetson-deploy-probe-end")[0]])
def test_an_answer_without_both_marks_is_none(answer: str) -> None:
    assert read_machine(answer) is None


@pytest.mark.parametrize(
    "line",
    [
        "python\t/usr/bin/python3; reboot\t3.12\taarch64\tusable",
        "python\t-c\t3.12\taarch64\tusable",
        "python\t/usr/bin/python3\t3.12",
        "python\t/usr/bin/python3\tnewest\taarch64\tusable",
        "python\t/usr/bin/python3\t3.12\taarch64\tunusable",
        "python\t/usr/bin/python3\t3.9\taarch64\tusable",
    ],
)
def test_a_python_that_is_too_old_or_oddly_named_is_not_used(line: str) -> None:
    machine = read_machine(f"@jetson-deploy-probe\nmachine\taarch64\n{line}\n@jetson-deploy-probe-end\n")
    assert machine is not None
    assert machine.best_python() is None


@pytest.mark.parametrize("text", ["\x1b[2J", "../../etc", "0.1.0-0123abcd/x", "0.1.0-0123ABCD"])
def test_what_is_no_name_of_ours_is_unknown(text: str) -> None:
    lines = f"machine\t{text}\ninstalled\t{text}\ntool\t{text}\nglibc\t{text}"
    machine = read_machine(f"@jetson-deploy-probe\n{lines}\n@jetson-deploy-probe-end\n")
    assert machine is not None
    assert (machine.machine, machine.installed, machine.tool, machine.glibc) == ("unknown", None, None, None)
