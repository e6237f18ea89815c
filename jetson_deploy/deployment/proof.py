"""Results of the checks of one server."""

from __future__ import annotations

import msgspec

from jetson_deploy.events import Verdict


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    verdicts: tuple[Verdict, ...]
    tokens_per_second: float | None
    gpu_share: float | None
    answered_at: float | None = None
    """The first token of a new server came; monotonic seconds."""
    downtime_seconds: float | None = None
    """From the stop of the server before to that token. None: none was stopped."""

    @property
    def failed(self) -> Verdict | None:
        return next((v for v in self.verdicts if v.passed is False), None)
