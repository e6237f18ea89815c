"""Ctrl-C and its kin inside the parts that they must not cut short."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from jetson_deploy.interrupts import INTERRUPTIONS, noticed, shielded, stop_on_interruption


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in INTERRUPTIONS}
    yield
    assert {number: signal.getsignal(number) for number in INTERRUPTIONS} == before


@pytest.mark.parametrize("number", INTERRUPTIONS)
def test_a_shielded_block_ends(number: signal.Signals) -> None:
    with shielded():
        signal.raise_signal(number)


@pytest.mark.parametrize("number", INTERRUPTIONS)
def test_an_interruption_is_noticed_and_raises_nothing(number: signal.Signals) -> None:
    with noticed() as came:
        assert not came()
        signal.raise_signal(number)
        assert came()


def test_an_interruption_that_is_ignored_already_stays_ignored() -> None:
    """As under nohup: the terminal goes, the work goes on."""
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with noticed() as came:
            signal.raise_signal(signal.SIGHUP)
            assert not came()
    finally:
        signal.signal(signal.SIGHUP, usual)


@pytest.mark.parametrize("number", INTERRUPTIONS)
def test_an_interruption_ends_the_wait_for_it_also_in_the_thread_that_waits(number: signal.Signals) -> None:
    with stop_on_interruption() as stop:
        assert not stop.wait(0.01)
        sender = threading.Timer(0.1, os.kill, (os.getpid(), number))
        sender.start()
        assert stop.wait(20)
        sender.join()
    assert stop.is_set()
