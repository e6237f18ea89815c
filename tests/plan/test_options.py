"""The table of options: what each row says holds in each place that is made from it."""

from __future__ import annotations

import ast
from pathlib import Path

import click
import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.cli.main import group
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.file import ROWS, example_text
from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.request import Request, Wanted
from jetson_deploy.deployment.watch_options import WATCH_OPTIONS
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.settings import Settings

REPOSITORY = Path(__file__).parent.parent.parent
BOARD = REPOSITORY / "tests/hosts/orin-nano-8gb-jp6.2/root"
PAGE = (REPOSITORY / "docs/reference/config.md").read_text(encoding="utf-8")
NOT_OPTIONS = {"deployment_file", "root", "as_json", "as_events", "quiet", "verbose", "yes", "catalog_dirs"}
"""Parameters of every verb, and -f."""
TABLES = {"plan": OPTIONS, "up": OPTIONS, "watch": WATCH_OPTIONS}
OWN = {
    "plan": {"model_option", "example", "board", "compare", "save"},
    "up": {"model_option", "wait", "force", "when_idle"},
    "watch": {"name", "install", "uninstall", "units", "only_roll_back"},
}


def parameters(verb: str) -> dict[str, click.Parameter]:
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    return {parameter.name or "": parameter for parameter in command.params}


@pytest.mark.parametrize("verb", TABLES)
def test_a_verb_has_the_flags_of_the_rows_and_no_other_option(verb: str) -> None:
    offered, rows = parameters(verb), [row for row in TABLES[verb].values() if row.option.flag]
    assert offered.keys() - NOT_OPTIONS - OWN[verb] == {row.key for row in rows}
    names = {name for parameter in offered.values() for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {name for row in rows for name in row.option.flag.split("/")} <= names


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_row_stands_in_the_example_and_on_the_reference_page(row: Row) -> None:
    assert f"{row.key}:" in example_text()
    assert f"| `{'.'.join(row.path)}` |" in PAGE


@pytest.mark.parametrize("row", [row for row in ROWS if row.option.default is not None], ids=lambda row: row.key)
def test_a_default_is_of_the_type_and_within_the_bounds_of_its_row(row: Row) -> None:
    assert msgspec.convert(row.option.default, row.file_type) == row.option.default


def test_a_plan_lists_where_each_option_comes_from() -> None:
    facts = survey(BOARD, Settings(), load_catalog(), store=None, deployment="default")
    shown = draft_plan(facts, Request(), load_catalog()).accepted().sources
    assert list(shown) == [row.key for row in OPTIONS.values() if row.option.unsaid]


def test_a_row_is_a_field_of_the_request_and_of_what_is_wanted() -> None:
    fields = [row.field for row in OPTIONS.values()]
    for struct in (Request, Wanted):
        assert list(struct.__struct_fields__)[: len(fields)] == fields


def test_each_label_is_kept_by_one_row() -> None:
    labels = [row.option.label for row in OPTIONS.values() if row.option.label]
    assert len(labels) == len(set(labels))


def test_no_other_module_of_the_flow_from_flag_to_plan_names_a_flag() -> None:
    flags = {flag for row in OPTIONS.values() for flag in row.option.flag.split("/") if flag}
    flow = (
        "cli/plan.py",
        "cli/up.py",
        "cli/layers.py",
        "cli/deploy_flags.py",
        "plan/sources.py",
        "plan/wanted_model.py",
    )
    within = ("deployment/request.py", "deployment/settle.py", "deployment/file.py", "deployment/record.py")
    named = {
        (path, node.value)
        for path in (*flow, *within)
        for node in ast.walk(ast.parse((REPOSITORY / "jetson_deploy" / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in flags
    }
    assert named == set()
