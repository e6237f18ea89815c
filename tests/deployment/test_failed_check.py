"""A failed check is a finding whose error says what the check observed and expected."""

from __future__ import annotations

from jetson_deploy.deployment.finding import failed_check
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.events import Verdict

ON_CPU = Verdict(check="gpu", passed=False, observed="0%", expected="95%", hint="fix the runtime")


def test_the_error_of_a_failed_check_is_unhealthy_with_its_name_in_the_code() -> None:
    error = failed_check(ON_CPU).error()
    assert (type(error), error.code, error.exit_code) == (UnhealthyError, "check-gpu-failed", 1)
    assert (error.message, error.hint) == ("check `gpu` failed: 0% (expected: 95%)", "fix the runtime")


def test_a_check_without_a_hint_points_to_the_log() -> None:
    assert (
        failed_check(Verdict(check="speed", passed=False, observed="", expected="")).fix
        == "see its log: jetson-deploy logs"
    )


def test_a_known_issue_gives_cause_fix_and_the_line_that_shows_it() -> None:
    found = failed_check(ON_CPU, cause="no device nodes", fix="install them", details=("log line: no /dev/nvhost",))
    assert (found.cause, found.fix, found.details) == ("no device nodes", "install them", ("log line: no /dev/nvhost",))
