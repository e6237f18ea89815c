"""What `prepare` does with options that name nothing, and on hosts that it must not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.cli.prepare import words
from jetson_deploy.errors import UsageError

HOSTS = Path(__file__).parents[1] / "hosts"


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_choice_is_never_all_steps(text: str) -> None:
    with pytest.raises(UsageError, match="names no step"):
        words(text)


def test_an_option_that_is_not_given_names_none() -> None:
    assert words(None) == []
    assert words("swap, power-mode") == ["swap", "power-mode"]
