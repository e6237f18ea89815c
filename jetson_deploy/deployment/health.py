"""A failed check of a server as a finding, with what a known issue says of its cause."""

from __future__ import annotations

from jetson_deploy.deployment.finding import Finding
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.events import Verdict


def failed_check(verdict: Verdict, *, cause: str = "", fix: str = "", details: tuple[str, ...] = ()) -> Finding:
    """`cause`, `fix`: of the known issue that explains it, where one does."""
    return Finding(
        id=f"check-{verdict.check}-failed",
        severity="block",
        evidence=f"check `{verdict.check}` failed: {verdict.observed} (expected: {verdict.expected})",
        cause=cause,
        fix=fix or verdict.hint or "see the container's log",
        exit_code=UnhealthyError.exit_code,
        details=details,
    )
