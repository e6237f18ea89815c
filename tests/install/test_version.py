"""Which of two versions is newer."""

from __future__ import annotations

import pytest

from jetson_deploy.install.version import Age, age


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ("0.2.0", "0.2.0", "same"),
        ("0.2", "0.2.0", "same"),
        ("0.1.9", "0.2.0", "older"),
        ("0.10.0", "0.9.0", "newer"),
        ("1.0.0rc1", "1.0.0", "older"),
        ("1.0.0", "1.0.0.dev3", "newer"),
        ("1.0.0b2", "1.0.0a9", "newer"),
        ("1.0.0+local", "1.0.0", "same"),
        ("1.0.1", "1.0.0.9", "newer"),
        ("who knows", "1.0.0", "unknown"),
        ("", "1.0.0", "unknown"),
    ],
)
def test_versions_are_compared_by_their_numbers(theirs: str, ours: str, expected: Age) -> None:
    assert age(theirs, ours) == expected
