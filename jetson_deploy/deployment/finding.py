"""A finding of a check: of a host before a change, of a deployment's drift, of a server's health."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from jetson_deploy.errors import JetsonDeployError, UnhealthyError, error_class
from jetson_deploy.events import Verdict

Severity = Literal["block", "warning", "note"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """Kebab-case, stable; of a blocking one the code of the error that it is raised as."""
    severity: Severity
    """block: the command refuses, or the check failed."""
    evidence: str
    """What was seen."""
    cause: str = ""
    """Why it is so, where that is known."""
    fix: str = ""
    """One line; empty: nothing has to be done."""
    exit_code: int = 0
    """Of a blocking one; it names the class of its error."""
    details: tuple[str, ...] = ()
    """Further lines of evidence: rejected candidates, where logs are kept."""

    @property
    def text(self) -> str:
        return f"{self.evidence}: {self.cause}" if self.cause else self.evidence

    @property
    def line(self) -> str:
        """With its fix, for a list of lines."""
        return f"{self.text}; {self.fix}" if self.fix else self.text

    def error(self) -> JetsonDeployError:
        return error_class(self.exit_code)(self.text, hint=self.fix, code=self.id, details=self.details)


def refused(error: JetsonDeployError) -> Finding:
    """The refusal of a choice (image, model) among the findings."""
    return Finding(
        id=error.code,
        severity="block",
        evidence=error.message,
        fix=error.hint,
        exit_code=error.exit_code,
        details=error.details,
    )


def failed_check(verdict: Verdict, *, cause: str = "", fix: str = "", details: tuple[str, ...] = ()) -> Finding:
    """`cause`, `fix`: of the known issue that explains it, where one does."""
    return Finding(
        id=f"check-{verdict.check}-failed",
        severity="block",
        evidence=f"check `{verdict.check}` failed: {verdict.observed} (expected: {verdict.expected})",
        cause=cause,
        fix=fix or verdict.hint or "see its log: jetson-deploy logs",
        exit_code=UnhealthyError.exit_code,
        details=details,
    )


def blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if one.severity == "block")


def raise_first(findings: Iterable[Finding]) -> None:
    """Raises the error of the first blocking one; what would be looked at behind it is not."""
    for one in findings:
        if one.severity == "block":
            raise one.error()
