"""Known issues that a host shows and that `up` refuses for: what their probes ask is read, and judged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.looked import look_at
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.known_issues import judge, severity_of


def blocking_issues(root: Path, facts: HostFacts, issues: Mapping[str, Issue]) -> tuple[Finding, ...]:
    """What is not known of the host refuses nothing."""
    asked = [one for one in issues.values() if one.probe is not None and severity_of(one) == "block"]
    return judge(facts, look_at(Host(root), asked, facts.kernel), asked).findings if asked else ()
