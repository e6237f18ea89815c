"""How Hypothesis draws: the same examples for everybody; `scripts/test faults --full` draws more, and new ones."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

QUICK_EXAMPLES = 60
INPUTS = {"quick": 2_000, "faults": 20_000, "full": 100_000}
"""Of all that `tests/doctor/test_any_input.py` reads, together."""


def choose_profile(*, full: bool, faults: bool = False) -> None:
    """Before the first test module is imported: a test takes what it does not set itself from the profile.

    Nothing is judged by a clock, and nothing is replayed from a database of earlier failures: with warnings as
    errors, what Hypothesis says of a replay would stand in front of the failure itself.
    """
    unclocked = [HealthCheck.too_slow]
    settings.register_profile(
        "quick", derandomize=True, database=None, deadline=None, suppress_health_check=unclocked, print_blob=True
    )
    settings.register_profile("faults", settings.get_profile("quick"))
    settings.register_profile(
        "full", derandomize=False, database=None, deadline=None, suppress_health_check=unclocked, print_blob=True
    )
    settings.load_profile("full" if full else "faults" if faults else "quick")


def examples(whole: int) -> int:
    """That many in the long run; else no more than the quick suite has time for."""
    return whole if settings.get_current_profile_name() == "full" else min(whole, QUICK_EXAMPLES)


def inputs() -> int:
    """How many in this run: `scripts/test`, `scripts/test faults`, `scripts/test faults --full`."""
    return INPUTS[settings.get_current_profile_name()]
