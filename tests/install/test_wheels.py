"""Which wheels of a directory an installation needs, and what it lacks: judged for the target, not for this Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_wheels import write_wheel

from jetson_deploy.install.target import Target
from jetson_deploy.install.wheels import closure, read_wheels

ORIN = Target(python=(3, 10), machine="aarch64", glibc=(2, 35))
THOR = Target(python=(3, 12), machine="aarch64", glibc=(2, 39))
XAVIER = Target(python=(3, 10), machine="aarch64", glibc=(2, 31))


def found(directory: Path, target: Target, *roots: str) -> tuple[list[str], list[str]]:
    it = closure(roots, read_wheels(directory, target), target)
    return [wheel.path.name.split("-py")[0] for wheel in it.wheels], list(it.missing)


def test_what_is_needed_is_followed_and_the_rest_is_left_out(tmp_path: Path) -> None:
    write_wheel(tmp_path, "tool", "1.0", requires=["first>=2"])
    write_wheel(tmp_path, "first", "2.1", requires=["second"])
    write_wheel(tmp_path, "second", "0.1")
    write_wheel(tmp_path, "stranger", "7")
    assert found(tmp_path, ORIN, "tool") == (["first-2.1", "second-0.1", "tool-1.0"], [])


@pytest.mark.parametrize(("target", "missing"), [(ORIN, ["old-python"]), (THOR, [])])
def test_a_marker_is_judged_by_the_targets_python(tmp_path: Path, target: Target, missing: list[str]) -> None:
    write_wheel(tmp_path, "tool", "1.0", requires=['old-python; python_version < "3.11"', 'x; sys_platform == "win32"'])
    assert found(tmp_path, target, "tool") == (["tool-1.0"], missing)


def test_the_newest_that_meets_every_requirement_is_taken(tmp_path: Path) -> None:
    write_wheel(tmp_path, "tool", "1.0", requires=["shared>=1", "first"])
    write_wheel(tmp_path, "first", "1.0", requires=["shared<3"])
    for version in ("1.0", "2.0", "2.10", "3.0"):
        write_wheel(tmp_path, "shared", version)
    assert found(tmp_path, ORIN, "tool")[0] == ["first-1.0", "shared-2.10", "tool-1.0"]


def test_requirements_that_nothing_meets_are_named_together(tmp_path: Path) -> None:
    write_wheel(tmp_path, "tool", "1.0", requires=["shared>=2", "first"])
    write_wheel(tmp_path, "first", "1.0", requires=["shared<3,>=1"])
    write_wheel(tmp_path, "shared", "1.0")
    assert found(tmp_path, ORIN, "tool")[1] == ["shared<3,>=1,>=2"]


def test_an_extra_is_followed_where_it_is_asked_for(tmp_path: Path) -> None:
    write_wheel(tmp_path, "tool", "1.0", requires=["first[more]"])
    write_wheel(tmp_path, "first", "1.0", requires=['beside; extra == "more"', 'never; extra == "other"'])
    assert found(tmp_path, ORIN, "tool")[1] == ["beside"]


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("cp310-cp310-manylinux_2_17_aarch64", True),
        ("cp310-cp310-manylinux2014_aarch64", True),
        ("cp36-abi3-manylinux_2_28_aarch64", True),
        ("cp310-cp310-linux_aarch64", True),
        ("cp310-cp310-manylinux_2_34_aarch64", False),
        ("cp312-cp312-manylinux_2_17_aarch64", False),
        ("cp310-cp310-manylinux_2_17_x86_64", False),
        ("cp310-cp310-musllinux_1_2_aarch64", False),
    ],
)
def test_a_wheel_is_of_use_only_where_its_tag_runs(tmp_path: Path, tag: str, fits: bool) -> None:
    write_wheel(tmp_path, "tool", "1.0", tag=tag)
    assert bool(read_wheels(tmp_path, XAVIER)) is fits


def test_a_wheel_for_a_newer_python_is_left_out(tmp_path: Path) -> None:
    write_wheel(tmp_path, "tool", "2.0", python=">=3.11")
    write_wheel(tmp_path, "tool", "1.0", python=">=3.8")
    assert found(tmp_path, ORIN, "tool") == (["tool-1.0"], [])
    assert found(tmp_path, THOR, "tool") == (["tool-2.0"], [])


def test_what_is_no_wheel_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "broken-1.0-py3-none-any.whl").write_bytes(b"no zip")
    (tmp_path / "nonsense.whl").write_bytes(b"")
    assert read_wheels(tmp_path, ORIN) == ()
