"""`fleet run` of what is no command: refused before any device is asked."""

from __future__ import annotations

import click
import pytest

from jetson_deploy.cli.finite_range import FiniteRange
from jetson_deploy.cli.main import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--", ""], "the command is empty"),
        (["--", "a1", "reboot"], "'a1' is a device or a group, no command"),
        (["a1"], "'a1' is a device or a group, no command"),
        (["--timeout", "nan", "--", "true"], "nan is no number to reckon with"),
        (["--limit", "", "--", "true"], "names nothing"),
    ],
)
def test_what_is_no_command_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["fleet", "run", "-i", "a1,b1,", *words])
    assert left.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_an_option_takes_no_number_that_is_none(value: str) -> None:
    with pytest.raises(click.BadParameter):
        FiniteRange(min=0, min_open=True).convert(value, None, None)
