"""A verb says in its signature what it takes: typed keywords, the shared ones as one struct."""

from __future__ import annotations

import inspect
import re

import click
import pytest
from walked_commands import commands

COMMANDS = {" ".join(path): command for path, command in commands().items()}
BUNDLED = {"common", "fleet", "form", "looking", "wanted", "wishes"}
"""One struct made of several options: the common ones, those of everything that looks, of plan and up, of watch; the
form of an answer."""


def parameters(command: click.Command) -> list[inspect.Parameter]:
    assert command.callback is not None
    return list(inspect.signature(command.callback).parameters.values())


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_parameter_is_named_and_typed(words: str) -> None:
    for parameter in parameters(COMMANDS[words]):
        assert parameter.kind is not inspect.Parameter.VAR_KEYWORD
        assert parameter.annotation is not inspect.Parameter.empty
        assert not re.search(r"\bAny\b", str(parameter.annotation)), parameter


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_parameter_is_an_option_of_its_own_or_a_bundle(words: str) -> None:
    exposed = {param.name for param in COMMANDS[words].params if param.expose_value}
    assert {parameter.name for parameter in parameters(COMMANDS[words])} <= exposed | BUNDLED


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_the_common_options_come_as_one_struct_wherever_json_and_a_deployment_are_offered(words: str) -> None:
    offered = {param.name for param in COMMANDS[words].params}
    takes_common = "common" in {parameter.name for parameter in parameters(COMMANDS[words])}
    assert takes_common == ({"name", "as_json", "catalog_dirs"} <= offered)
