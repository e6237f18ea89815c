"""A controller that is killed at random moments of a rollout over boards, and `fleet resume` behind each.

One of the boards cannot take what is asked for: it must end old and serving, the others new and proven, and no board
may be given `up` twice. JD_SEED repeats the moments of a run.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from board_cuts import Cutting, Side
from board_faults import STATE, Board
from board_site import SECONDS, Site, states
from chosen_seed import chosen_seed
from fleet_boards import booted_boards, controller

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3000)]
CONTEXTS = (2048, 3072)
"""Asked for in turn; each change is a cutover."""
UP = ("up", "--yes", "--force")
"""Also what failed on the one board before."""


@pytest.fixture(scope="module")
def site(full: bool) -> Iterator[Site]:
    with booted_boards(3 if full else 2, kind="light") as fleet:
        yield Site(fleet)


def moments(seed: int, most: int) -> list[float]:
    """Shares of a rollout's duration, one drawn in each part of it: all of it is tried, whatever the number."""
    drawn = random.Random(seed)
    return [(part + drawn.random()) / most for part in drawn.sample(range(most), most)]


def begun(site: Site, rollout: str) -> dict[str, list[dict[str, Any]]]:
    """The events of a rollout's unit on each board on which one was begun."""
    found = {}
    for name in site.names:
        path = site.fleet.files(site.place(name)) / f"{STATE.lstrip('/')}/fleet/jd-fleet-{rollout}/events.ndjson"
        if path.exists():
            found[name] = [line.get("event", {}) for line in map(json.loads, path.read_text().splitlines())]
    return found


def settled(site: Site) -> None:
    """No unit of a fleet is at work on any board."""
    deadline = time.monotonic() + SECONDS
    for name in site.names:
        while Board(site, name).sh("systemctl list-units --plain --no-legend 'jd-fleet-*'"):
            assert time.monotonic() < deadline
            time.sleep(0.2)


class Round:
    """One rollout that is killed at a moment, and taken up again."""

    def __init__(self, site: Site, context: int) -> None:
        self.site, self.context, self.spoilt = site, context, site.names[-1]
        self.before = {name: site.recorded(name) for name in site.names}
        site.spoil(self.spoilt, context)
        site.ask(context, sequence=[{"limit": 1}], success_threshold=0)
        self.count = site.count()

    def whole(self) -> float:
        """Undisturbed: for how long."""
        began = time.monotonic()
        code, document = self.site.typed(*UP)
        assert code == 9, document["devices"]
        self.check(document)
        return time.monotonic() - began

    def killed(self, after: float) -> str:
        """What the controller was at; then everything is as if it had not been killed."""
        with self.site.working(*UP) as process:
            time.sleep(after)
            process.kill()
            process.wait()
        lines = [] if self.site.count() == self.count else self.site.record().read_bytes().split(b"\n")[:-1]
        if not lines:  # before there was anything to take up
            settled(self.site)
            assert {name: self.site.recorded(name) for name in self.site.names} == self.before
            code, document = self.site.typed(*UP)
            at = "reading"
        else:
            at = json.loads(lines[-1])["kind"]
            code, document = self.site.typed("resume")
        assert code == 9, document["devices"]
        self.check(document)
        return at

    def check(self, document: dict[str, Any]) -> None:
        site, good = self.site, [name for name in self.site.names if name != self.spoilt]
        assert states(document) == {**dict.fromkeys(good, "proven"), self.spoilt: "rolled-back"}, document["devices"]
        assert [one["device"] for one in document["devices"]] == site.names
        events = begun(site, document["rollout"]["id"])
        assert sorted(events) == site.names
        for name, told in events.items():
            assert Counter(one.get("event") for one in told)["finished"] == 1, f"{name}: {told}"
        for name in good:
            assert site.recorded(name) == (self.context, self.before[name][1] + 1), name
        assert site.recorded(self.spoilt) == self.before[self.spoilt]
        code, healths = site.typed("status")
        assert (code, set(states(healths).values())) == (0, {"done"}), healths
        shown = controller(site.fleet, "fleet", "show", "--json", seconds=SECONDS)
        assert states(json.loads(shown.stdout)) == states(document)


@pytest.mark.fault("F22")
def test_killed_at_random_moments_a_rollout_ends_as_an_undisturbed_one_and_nothing_is_begun_twice(
    site: Site, full: bool, fault_count: Callable[[str, int, int, str], None]
) -> None:
    most, seed = (20 if full else 2), chosen_seed()
    duration = Round(site, CONTEXTS[1]).whole()
    held, failures, places = 0, [], Counter[str]()
    for number, share in enumerate(moments(seed, most)):
        one = Round(site, CONTEXTS[number % 2])
        try:
            at = one.killed(share * duration)
            places[at] += 1
            held += 1
            print(f"moment {number + 1}: {share:.3f} of {duration:.1f} s, at {at}: held", flush=True)
        except AssertionError as error:
            failures.append(f"moment {number} ({share:.3f} of {duration:.1f} s): {str(error)[:1500]}")
            settled(site)
    fault_count("F22", held, most, "moments of kill -9")
    print(f"seed {seed}: {dict(places)}")
    assert not failures, f"JD_SEED={seed}\n" + "\n".join(failures)


QUICK: list[tuple[Side, str]] = [("behind", "jd-start"), ("before", "jd-tool")]


@pytest.mark.fault("F22")
def test_a_session_that_is_cut_at_any_remote_command_costs_the_view_alone(
    site: Site, full: bool, fault_count: Callable[[str, int, int, str], None]
) -> None:
    name = site.names[0]
    site.behave(site.names[-1], {})
    cutting = Cutting(Board(site, name))
    chosen = every_cut(site, name, cutting) if full else QUICK
    held = 0
    try:
        for number, (side, kind) in enumerate(chosen):
            cutting.cut(side, kind)
            held += cut_rollout(site, name, 1024 + number) and cutting.was_cut()
    finally:
        cutting.end()
    fault_count("F22", held, len(chosen), "cuts before or behind a remote command")
    assert held == len(chosen)


def every_cut(site: Site, name: str, cutting: Cutting) -> list[tuple[Side, str]]:
    """On both sides of each kind of command that a rollout without a cut runs there."""
    cutting.watch()
    assert cut_rollout(site, name, CONTEXTS[1] + 1)
    seen = cutting.seen()
    assert set(seen) == {"python3", "sh -s --", "jd-start", "jd-follow", "jd-ask", "jd-tool"}
    return [(side, kind) for kind in seen for side in ("before", "behind")]


def cut_rollout(site: Site, name: str, context: int) -> bool:
    """One that ends as wanted, with one `up`; where it was cut before it began there, by the next one."""
    before = site.recorded(name)[1]
    site.ask(context)
    code, document = site.typed("up", "--yes", "--limit", name)
    if set(states(document).values()) == {"unreachable"}:
        code, document = site.typed("resume")
    events = begun(site, document["rollout"]["id"])
    finished = Counter(one.get("event") for one in events[name])["finished"]
    assert (code, states(document), finished) == (0, {name: "proven"}, 1), document["devices"]
    assert site.recorded(name) == (context, before + 1)
    return True
