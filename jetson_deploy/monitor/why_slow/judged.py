"""All factors of a window → a report."""

from __future__ import annotations

from jetson_deploy.monitor.why_slow import board, memory, work
from jetson_deploy.monitor.why_slow.factor import Factor, Report
from jetson_deploy.monitor.why_slow.window import Window

_ORDER = ("gpu", "swap", "heat", "current", "memory", "power-mode", "clocks", "queue", "prompts", "other-processes",
          "context", "speed")  # fmt: skip
"""The more it usually costs, the earlier. Speed last: it is what the others do."""
_VERDICTS = ("holds-back", "fine", "unseen")


def findings(window: Window) -> tuple[Factor, ...]:
    """Every factor once."""
    place, pressed, swapping = memory.on_gpu(window), memory.pressure(window), memory.swap(window)
    short = any(one.verdict == "holds-back" for one in (place, pressed, swapping))
    found = [
        *(place, pressed, swapping),
        memory.context(window, short=short),
        *(judge(window) for judge in (board.power_mode, board.clocks, board.heat, board.current)),
        *(judge(window) for judge in (work.others, work.queue, work.prompts, work.speed)),
    ]
    return tuple(sorted(found, key=lambda one: (_VERDICTS.index(one.verdict), _ORDER.index(one.factor))))


def report(window: Window) -> Report:
    found, model, who = findings(window), window.model, window.last.identity
    deployment = window.last.llm.deployment
    expected = window.facts.expected
    return Report(
        model=model.name if model else deployment.model if deployment else None,
        board=who.model or who.board,
        seconds=round(window.seconds, 1),
        generating=window.generating,
        tokens_per_second=window.rate,
        expected_low=expected.low if expected else None,
        expected_high=expected.high if expected else None,
        held_back=any(one.verdict == "holds-back" for one in found),
        findings=found,
        simulated=window.last.simulated,
    )
