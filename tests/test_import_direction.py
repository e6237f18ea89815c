"""The layout is the map: who may import whom, and where printing, docker and asserts may stand."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jetson_deploy"
BOTTOM = {
    "digest",
    "errors",
    "events",
    "file_lock",
    "listener",
    "settings",
    "facts",
    "spec",
    "names",
    "interrupts",
    "endpoint",
    "units",
    "own_copy",
    "server_kinds",
}
FLOORS: list[set[str]] = [
    BOTTOM,
    {"catalog"},
    {"store", "detect"},
    {"runtime", "server"},
    {"systemd", "deployment"},
    {"plan", "state", "install", "expose"},
    {"deploy", "watch", "monitor"},
    {"doctor", "prepare", "rehearsal"},
    {"fleet"},
    {"cli"},
]
MODULES = sorted(PACKAGE.rglob("*.py"))
KNOWN = frozenset(MODULES)
LIBRARIES = {"docker": "runtime", "click": "cli", "rich": "cli", "yaml": "catalog"}


def floor(part: str) -> int:
    return next(number for number, parts in enumerate(FLOORS) if part in parts)


def part_of(path: Path) -> str | None:
    """Package or bottom module that a file belongs to; None for the package's own __init__ and __main__."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if first.startswith("__") else first


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every module is parsed once for all questions."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@functools.cache
def imports(path: Path) -> frozenset[str]:
    return frozenset(names_imported(path))


def names_imported(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "jetson_deploy":
                yield from (f"jetson_deploy.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    named = {name.split(".")[1] for name in imports(path) if name.startswith("jetson_deploy.")}
    return named - {"__version__"}


@pytest.mark.parametrize("part", sorted({part for path in MODULES if (part := part_of(path)) is not None}))
def test_a_module_imports_only_from_its_own_package_and_from_floors_below(part: str) -> None:
    """A part that stands on no floor is an error too."""
    allowed = BOTTOM if part in BOTTOM else set().union({part}, *FLOORS[: floor(part)])
    used = {path: ours(path) - allowed for path in MODULES if part_of(path) == part}
    wrong = {str(path.relative_to(PACKAGE)): sorted(others) for path, others in used.items() if others}
    assert not wrong, f"{part} must not import these"


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Imports for types count: what cannot be read alone cannot be changed alone."""
    try:
        graphlib.TopologicalSorter({path: files_imported(path) for path in MODULES}).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" → ".join(str(path.relative_to(PACKAGE)) for path in error.args[1]))


def files_imported(path: Path) -> set[Path]:
    froms = [node for node in nodes(path) if isinstance(node, ast.ImportFrom)]
    names = {*imports(path), *(f"{node.module}.{alias.name}" for node in froms for alias in node.names)}
    return {file for name in names if (file := file_of(name)) is not None} - {path}


def file_of(module: str) -> Path | None:
    """A package's `__init__` is left out: importing a file of it is not using it."""
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    return path if path in KNOWN else None


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_in_its_own_package_alone(library: str) -> None:
    users = {
        path
        for path in MODULES
        if library in {n.split(".")[0] for n in runtime_imports(path)} and part_of(path) is not None
    }
    assert users, f"nobody imports {library}: is the rule still needed?"
    assert {part_of(path) for path in users} == {LIBRARIES[library]}


@functools.cache
def runtime_imports(path: Path) -> frozenset[str]:
    """Without what stands under `if TYPE_CHECKING:`, which never runs."""
    never = {id(below) for node in nodes(path) if of_types_only(node) for below in ast.walk(node)}
    found = [node for node in nodes(path) if id(node) not in never]
    names = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    return frozenset(names | {node.module for node in found if isinstance(node, ast.ImportFrom) and node.module})


def of_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_the_docker_sdk_stays_behind_the_runtime_port_for_types_too() -> None:
    users = {path for path in MODULES if "docker" in {name.split(".")[0] for name in imports(path)}}
    assert {path.parent for path in users} == {PACKAGE / "runtime" / "docker"}


def test_asyncssh_is_imported_by_the_transport_alone() -> None:
    users = {path.parent for path in MODULES if "asyncssh" in {name.split(".")[0] for name in imports(path)}}
    assert users == {PACKAGE / "fleet" / "transport"}


def test_nothing_outside_server_asks_which_server_it_is() -> None:
    users = [path for path in MODULES if any(name.startswith("jetson_deploy.server.ollama") for name in imports(path))]
    assert {part_of(path) for path in users} == {"server"}


WITH_SDK = {"create.py", "pull.py", "responses.py", "sdk.py", "sdk_errors.py", "sdk_wire.py", "spec.py"}
"""Pulling, creating, and hosts over TLS or SSH: loaded when one of these is done."""


def test_whatever_else_is_asked_of_docker_works_without_its_sdk() -> None:
    folder = PACKAGE / "runtime" / "docker"
    here = [path for path in MODULES if path.parent == folder]
    users = {path.name for path in here if "docker" in {name.split(".")[0] for name in runtime_imports(path)}}
    assert users == WITH_SDK


def test_which_runtime_it_is_is_asked_in_one_place() -> None:
    """Whoever needs a runtime is given one, or opens it there."""
    door = "jetson_deploy.runtime.docker"
    users = {path for path in MODULES if any(f"{name}.".startswith(f"{door}.") for name in imports(path))}
    outside = {path for path in users if path.parent != PACKAGE / "runtime" / "docker"}
    assert outside == {PACKAGE / "runtime" / "opened.py"}


def test_a_file_is_locked_in_one_place() -> None:
    lockers = {str(path.relative_to(PACKAGE)) for path in MODULES if "flock(" in path.read_text(encoding="utf-8")}
    assert lockers == {"file_lock.py"}


def test_only_cli_speaks() -> None:
    assert {part_of(path) for path in MODULES if speaks(path)} == {"cli"}


def speaks(path: Path) -> bool:
    """It names `print`, `sys.stdout` or `sys.stderr`."""
    prints = any(isinstance(n, ast.Name) and n.id == "print" for n in nodes(path))
    return prints or any(
        isinstance(n, ast.Attribute) and n.attr in ("stdout", "stderr") and of_sys(n) for n in nodes(path)
    )


def of_sys(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "sys"


def test_the_product_asserts_nothing_since_python_may_leave_asserts_out() -> None:
    assert [str(path) for path in MODULES if any(isinstance(n, ast.Assert) for n in nodes(path))] == []


def test_plan_reads_no_clock_and_no_file() -> None:
    forbidden = {"os", "time", "datetime", "pathlib", "subprocess", "socket", "shutil"}
    plan = [path for path in MODULES if part_of(path) == "plan"]
    assert plan
    for path in plan:
        assert not forbidden & {name.split(".")[0] for name in imports(path)}, path.name


NOT_THE_SERVER = {"rehearsal/engine.py", "rehearsal/session.py", "monitor/dashboards/compose.py"}
"""Addresses of a rehearsal's registry and of Prometheus."""


def test_the_address_of_a_server_is_put_together_in_one_place() -> None:
    makers = {str(path.relative_to(PACKAGE)) for path in MODULES if any(map(makes_an_address, nodes(path)))}
    assert makers <= NOT_THE_SERVER


def makes_an_address(node: ast.AST) -> bool:
    """An f-string with loopback and a port that is filled in."""
    if not isinstance(node, ast.JoinedStr):
        return False
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return "127.0.0.1:{}" in text or "localhost:{}" in text


RECORD = PACKAGE / "deployment" / "record.py"


def test_only_the_record_knows_the_keys_of_labels() -> None:
    named = {
        path
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.Constant) and "io.jetson-deploy" in str(node.value)
    }
    assert named == {RECORD}


def test_only_the_record_looks_into_the_labels_of_a_container() -> None:
    looking = {str(path.relative_to(PACKAGE)) for path in MODULES if path != RECORD and any(map(looks_up, nodes(path)))}
    assert not looking, "deployment/record.py reads labels"


def looks_up(node: ast.AST) -> bool:
    """`x.labels[…]`, `x.labels.get(…)`, `… in x.labels`, and the same of a variable or parameter `labels`."""
    if isinstance(node, ast.Subscript):
        return are_labels(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr in ("get", "pop", "setdefault") and are_labels(node.value)
    return isinstance(node, ast.Compare) and any(
        isinstance(way, ast.In | ast.NotIn) and are_labels(one)
        for way, one in zip(node.ops, node.comparators, strict=True)
    )


def are_labels(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "labels"
    return isinstance(node, ast.Attribute) and node.attr == "labels"


@pytest.mark.parametrize(
    "text", ["c.labels['a']", "c.labels.get('a')", "labels['a']", "'a' in spec.labels", "labels.pop(key)"]
)
def test_a_look_into_labels_is_recognised(text: str) -> None:
    assert any(map(looks_up, ast.walk(ast.parse(text))))


DOORS = sorted(path for path in MODULES if path.name == "__init__.py")


@pytest.mark.parametrize("door", DOORS, ids=lambda p: str(p.parent.relative_to(PACKAGE.parent)))
def test_a_packages_door_says_what_it_is_for_and_names_only_files_that_are_there(door: Path) -> None:
    text = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8")))
    assert text
    for line in text.splitlines():
        names, gap, _ = line.strip().partition("  ") if line.startswith("    ") else ("", "", "")
        named = [name.strip() for name in names.split(",")] if gap else []
        missing = [name for name in named if name.endswith((".py", "/")) and not (door.parent / name).exists()]
        assert not missing, f"{door.relative_to(PACKAGE)} names {missing}"
