"""Logins begin a few at a time, and one that hangs keeps no other waiting for long."""

from __future__ import annotations

import asyncio

from jetson_deploy.fleet.transport.login import Turns


async def most_at_once(places: int, many: int) -> int:
    turns, inside, most = Turns(places, seconds=60.0), 0, 0

    async def one() -> None:
        nonlocal inside, most
        async with turns:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(many)))
    return most


def test_so_many_at_once_and_no_more() -> None:
    assert asyncio.run(most_at_once(3, 20)) == 3


async def hung_ones_pass_their_places_on() -> list[int]:
    turns, began, over = Turns(1, seconds=0.0), [], asyncio.Event()

    async def one(number: int) -> None:
        async with turns:
            began.append(number)
            if len(began) == 3:
                over.set()
            await over.wait()

    await asyncio.gather(*(one(number) for number in range(3)))
    async with turns:
        began.append(3)
    return began


def test_one_that_hangs_passes_its_place_on_and_gives_none_back_twice() -> None:
    assert asyncio.run(hung_ones_pass_their_places_on()) == [0, 1, 2, 3]
    assert asyncio.run(most_at_once(1, 5)) == 1
