"""An error says the same from where it was raised to where it is shown; what is learned on the way makes a new one."""

from __future__ import annotations

import pytest

from jetson_deploy.errors import IntegrityError, InternalError, JetsonDeployError, ResourceError, error_class

FULL = ResourceError("the disk is full", hint="free 1 GiB", code="disk-full", details=("df says so",))


def test_context_makes_a_new_error_of_the_same_class_and_code_with_the_first_as_its_cause() -> None:
    new = FULL.with_context(message=f"{FULL.message}; undone", details=("evidence kept",))
    assert (type(new), new.code, new.exit_code, new.hint) == (ResourceError, "disk-full", 6, "free 1 GiB")
    assert (new.message, str(new), new.details) == (
        "the disk is full; undone",
        "the disk is full; undone",
        ("df says so", "evidence kept"),
    )
    assert new.__cause__ is FULL
    assert (FULL.message, FULL.details) == ("the disk is full", ("df says so",))


@pytest.mark.parametrize("attribute", ["message", "hint", "code", "details"])
def test_what_an_error_says_cannot_be_altered(attribute: str) -> None:
    with pytest.raises(AttributeError):
        setattr(FULL, attribute, "something else")


@pytest.mark.parametrize("kind", JetsonDeployError.__subclasses__())
def test_an_exit_code_names_its_class(kind: type[JetsonDeployError]) -> None:
    assert error_class(kind.exit_code).exit_code == kind.exit_code


def test_an_integrity_error_is_known_by_its_exit_code_and_an_unknown_code_is_a_bug_of_ours() -> None:
    assert (error_class(5), error_class(99)) == (IntegrityError, InternalError)
