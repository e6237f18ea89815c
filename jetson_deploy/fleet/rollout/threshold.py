"""Did a batch succeed? A percentage of its devices must be as wanted, each by two proofs of its own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jetson_deploy.fleet.end_state import AS_WANTED, EndState


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    passed: bool
    succeeded: int
    counted: int
    """Without those that were deferred: being in use is no failure, and no success."""
    threshold: float

    def text(self) -> str:
        if not self.counted:
            return "no device of it could be judged"
        return f"{self.succeeded} of {self.counted} as wanted; {self.threshold:g} % must be"


def judged(states: Sequence[EndState | None], threshold: float) -> Judgement:
    """`None`: not ended, which counts as failed, as everything that is not as wanted. No device counted: not passed."""
    counted = [state for state in states if state != "deferred"]
    succeeded = sum(state in AS_WANTED for state in counted)
    passed = bool(counted) and succeeded * 100 >= threshold * len(counted) - 1e-9
    return Judgement(passed=passed, succeeded=succeeded, counted=len(counted), threshold=threshold)


def can_still_pass(states: Sequence[EndState | None], threshold: float) -> bool:
    """With every device that has not ended taken for a success."""
    return judged([state or "proven" for state in states], threshold).passed
