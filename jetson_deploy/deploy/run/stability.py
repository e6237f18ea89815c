"""The stability window: a server that was proven must still serve a while later."""

from __future__ import annotations

from jetson_deploy.deploy.run.target import Target
from jetson_deploy.deploy.run.verify import QUICK_TOKENS, Prover
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Verdict, silent

LOOK_SECONDS = 1.0
MISSED = 5
"""So many looks in a row may go unanswered: a board that swaps is slow, not dead."""


def settle(target: Target, seconds: float) -> Verdict:
    """Watch the server of `target` for `seconds`, then ask it everything once more, shortly."""
    started = target.clock()
    observed, hint = _trouble(target, started + seconds)
    if not observed:
        failed = Prover(target, QUICK_TOKENS).prove(silent).failed
        observed, hint = (f"{failed.check}: {failed.observed}", failed.hint) if failed else ("", "")
    return Verdict(
        check="stability",
        passed=not observed,
        observed=observed or "still serves",
        expected=f"serves on for {seconds:g} s",
        hint=hint,
        seconds=round(target.clock() - started, 2),
    )


def _trouble(target: Target, until: float) -> tuple[str, str]:
    """What went wrong and what to do; both empty when nothing did."""
    first, missed = target.inspect(), 0
    while target.clock() < until:
        target.sleep(min(LOOK_SECONDS, max(0.0, until - target.clock())))
        try:
            now = target.inspect()
        except JetsonDeployError as error:
            return error.message, error.hint
        if now.state != "running" or now.started_at != first.started_at or now.restart_count != first.restart_count:
            code = "" if now.exit_code is None else f", exit code {now.exit_code}"
            return f"the server ended after it was proven: {now.state}{code}", "see its log: jetson-deploy logs"
        missed = 0 if target.client.alive() else missed + 1
        if missed >= MISSED:
            return "the server does not answer any more", "see its log: jetson-deploy logs"
    return "", ""
