"""What `doctor` reports of a host."""

from __future__ import annotations

import msgspec

from jetson_deploy.deployment.finding import Severity


class HostFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One cause, seen on this host."""

    id: str
    """Of the known issue in profiles/issues; of a check that no issue explains, the check's own."""
    severity: Severity
    """block: a deployment cannot be made, or does not serve."""
    cause: str
    """In one sentence."""
    evidence: str
    """What was seen, and where."""
    fix: str = ""
    """One line; empty: nothing has to be done."""
    more_fixes: tuple[str, ...] = ()
    undo: str = ""
    """How what `fix` does is taken back; empty: nothing to take back, or it cannot be."""
    steps: tuple[str, ...] = ()
    """Ids of the host steps that mend it; empty: by hand."""
    source: tuple[str, ...] = ()


class Checkup(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.checkup/1"):
    """All that was found on one host, the worst first."""

    root: str
    """Directory that was looked at; `/`: this machine."""
    findings: tuple[HostFinding, ...]
    looked_at: tuple[str, ...]
    """What was checked: host, engine, store, deployment, server log, kernel log."""
    not_looked_at: tuple[str, ...]
    """What could not be, each with its reason: of these nothing is known."""
    not_judged: dict[str, str] = {}
    """Known issues that could not be judged → what is not known of the host."""

    @property
    def blocked(self) -> bool:
        return any(one.severity == "block" for one in self.findings)
