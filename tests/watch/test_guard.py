"""The memory guard with a clock of numbers: readings every 2 s."""

from __future__ import annotations

from jetson_deploy.watch.guard import Guard, GuardLimits, Memory, is_short, step

MIB = 1 << 20
LIMITS = GuardLimits(low=128 * MIB, reserve=512 * MIB, back=6000 * MIB, max_times=3, window_seconds=600.0)


def stepped(readings: list[int], *, loaded: bool | None = None, limits: GuardLimits = LIMITS) -> list[tuple[int, str]]:
    """(second, action) for MemAvailable in MiB."""
    guard = Guard()
    done: list[tuple[int, str]] = []
    for number, mib in enumerate(readings):
        now = number * 2
        guard, action = step(guard, Memory(available=mib * MIB), now, limits, loaded=loaded)
        done += [(now, action)] if action else []
    return done


def test_plenty_of_memory_does_nothing() -> None:
    assert stepped([129, 500, 7000]) == []


def test_the_model_goes_at_once_and_the_server_when_that_did_not_help() -> None:
    assert stepped([100, 100, 100, 100, 100]) == [(0, "unload"), (6, "stop")]


def test_a_model_that_was_unloaded_comes_back_only_after_memory_was_there_for_a_while() -> None:
    assert stepped([100, *[6500] * 20]) == [(0, "unload"), (32, "load")]


def test_memory_that_comes_and_goes_loads_nothing() -> None:
    assert stepped([100, *[6500, 5000] * 40]) == [(0, "unload")]


def test_between_the_two_marks_nothing_happens() -> None:
    assert stepped([100, *[3000] * 100]) == [(0, "unload")]


def test_a_stopped_server_is_started_when_memory_is_back() -> None:
    assert stepped([100] * 4 + [6500] * 20) == [(0, "unload"), (6, "stop"), (38, "start")]


def test_each_further_time_waits_twice_as_long_and_then_it_is_left_to_somebody() -> None:
    done = stepped(([100] + [6500] * 65) * 4 + [6500] * 400)
    assert done[:7] == [
        *((0, "unload"), (32, "load")),
        *((132, "unload"), (194, "load")),
        *((264, "unload"), (386, "load")),
        (396, "unload"),
    ]
    assert done[7] == (398, "give-up")
    assert [what for _, what in done[8:]] == ["load"]


def test_a_client_that_loads_the_model_again_ends_it() -> None:
    assert stepped([100, 3000, 3000, 3000, 3000, 100], loaded=True) == [(0, "unload"), (10, "unload")]


def test_the_limit_can_be_zero_and_an_unreadable_reading_is_not_short() -> None:
    off = GuardLimits(low=0, reserve=512 * MIB, back=0, max_times=3, window_seconds=600.0)
    assert not is_short(Memory(available=1), off)
    assert not is_short(Memory(available=None), LIMITS)


def test_under_pressure_it_is_short_already_below_the_reserve() -> None:
    assert not is_short(Memory(available=400 * MIB, stall=10.0), LIMITS)
    assert is_short(Memory(available=400 * MIB, stall=75.0), LIMITS)
