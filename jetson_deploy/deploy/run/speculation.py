"""Whether speculation pays: the same texts are continued without it and with it, and it is left on where it does.

A fixed text that is quoted gains from it, a fresh one can only lose: what was drafted and not accepted was in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, Protocol

import msgspec

from jetson_deploy.deployment.plan import Gates, TrySpeculation
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Verdict
from jetson_deploy.interrupts import to_its_end
from jetson_deploy.spec import ContainerSpec

if TYPE_CHECKING:
    from jetson_deploy.deploy.run.target import Target
    from jetson_deploy.server.exchange import Generation

LEAST_GAIN, LEAST_FRESH = 1.10, 0.97
"""Of the medians: what a quoting answer must gain, and what a fresh one must keep."""
TOKENS = 96
"""The server drafts up to 64 at once."""
ANSWER_SECONDS = 900.0
_SUBJECTS = ("a lighthouse keeper", "a clockmaker", "a train that never stops", "a gardener", "two brothers")
"""The server drafts from all that it has seen, earlier requests included: a text that came before is no fresh one."""
_FORM = """name: board-{number}
model: deepseek-r1:{number}b
context: 4096
kv_cache_type: f16
image_policy: dustynv
store: /mnt/nvme{number}/models
port: 1143{number}
limit_rate: {number}M
gates:
  accept_cpu: false
  min_gpu_share: 0.95
  stability_seconds: 60
watch:
  interval_seconds: 10
  generate_seconds: 300
  max_restarts: 3

"""
_FORMS = tuple(_FORM.format(number=number) for number in range(2, 2 + len(_SUBJECTS)))
# It is begun a third time, so that any model goes on quoting.
QUOTING = tuple(form + form + form.partition("\n")[0] + "\n" for form in _FORMS)
FRESH = tuple(f"A short story about {subject}.\n\n" for subject in _SUBJECTS)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of one server, in the order of the texts."""

    quoting: tuple[Generation, ...]
    fresh: tuple[Generation, ...]


class Actions(Protocol):
    """What it asks of `execute.Actions`."""

    def create(self, container: str, spec: ContainerSpec) -> str: ...

    def start(self, container: str) -> None: ...

    def stop(self, container: str) -> None: ...

    def remove(self, container: str) -> None: ...

    def prove(self, container: str, gates: Gates, *, quietly: bool = False) -> Proof: ...

    def measure(self, container: str) -> Measured: ...

    def settle_on(self, spec: ContainerSpec) -> None: ...

    def tell(self, verdict: Verdict) -> None: ...


def measure(target: Target) -> Measured:
    def continued(text: str) -> Generation:
        return target.client.generate(target.model, text, max_tokens=TOKENS, raw=True, timeout=ANSWER_SECONDS)

    return Measured(quoting=tuple(map(continued, QUOTING)), fresh=tuple(map(continued, FRESH)))


def try_speculation(step: TrySpeculation, actions: Actions, proof: Proof) -> Proof:
    """The proof of the server that is left running. `proof`: of the candidate, which runs without speculation.

    Raises what the candidate's own failure raises; that of the one that speculates only turns speculation off.
    """
    without = actions.measure(step.container)
    try:
        _replace(step.container, step.on, actions)
        left = actions.prove(step.container, step.gates, quietly=True)
        verdict = _failed(left.failed) if left.failed else judged(without, actions.measure(step.container))
    except JetsonDeployError as error:
        verdict = _turned_off(error.message)
    if verdict.passed:
        actions.settle_on(step.on)
    else:
        _replace(step.container, step.off, actions)
        left = actions.prove(step.container, step.gates, quietly=True)
    actions.tell(verdict)
    first = {"answered_at": proof.answered_at, "downtime_seconds": proof.downtime_seconds}
    return msgspec.structs.replace(left, verdicts=(*left.verdicts, verdict), **first)


def judged(without: Measured, with_it: Measured) -> Verdict:
    gain, kept = _ratio(without.quoting, with_it.quoting), _ratio(without.fresh, with_it.fresh)
    if gain is None or kept is None:
        return _turned_off("too few tokens came to compare")
    drafted = sum(one.drafted_tokens or 0 for one in with_it.quoting)
    accepted = sum(one.accepted_tokens or 0 for one in with_it.quoting)
    observed = (
        f"quoting answers {gain:.2f} × as fast ({accepted} of {drafted} drafted tokens taken), fresh ones {kept:.2f} ×"
    )
    if not drafted:
        return _turned_off(f"{observed}; this build drafts nothing")
    if gain < LEAST_GAIN or kept < LEAST_FRESH:
        return _turned_off(observed)
    return _verdict(True, observed)


def _ratio(without: Sequence[Generation], with_it: Sequence[Generation]) -> float | None:
    """Median over the texts: one that another client disturbed does not decide."""
    rates = ((one.tokens_per_second, other.tokens_per_second) for one, other in zip(without, with_it, strict=True))
    ratios = [after / before for before, after in rates if before and after]
    return median(ratios) if len(ratios) > len(without) // 2 else None


def _failed(verdict: Verdict) -> Verdict:
    return _turned_off(f"with it, {verdict.check}: {verdict.observed}")


def _turned_off(why: str) -> Verdict:
    return _verdict(None, f"{why}; turned off")


def _verdict(passed: bool | None, observed: str) -> Verdict:
    expected = f"at least {LEAST_GAIN:g} × and {LEAST_FRESH:g} ×"
    return Verdict(check="speculation", passed=passed, observed=observed, expected=expected)


def _replace(container: str, spec: ContainerSpec, actions: Actions) -> None:
    """Not `always` before it is proven: a power cut must boot the old one."""
    created = msgspec.structs.replace(spec, restart="no")
    acts: tuple[Callable[[], object], ...] = (
        lambda: actions.stop(container),
        lambda: actions.remove(container),
        lambda: actions.create(container, created),
        lambda: actions.start(container),
    )
    for act in acts:
        with to_its_end():
            act()
