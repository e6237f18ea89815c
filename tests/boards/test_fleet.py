"""Three virtual boards as a fleet: all proven, a wrong image on the canary, a killed controller, a power cut."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator

import pytest
from board_fleet import UP, BoardFleet, states
from deployed_board import PATIENCE, said, timed

from jetson_deploy.rehearsal.virtual.run import VirtualRun

pytest_plugins = ("board_figures",)
pytestmark = [pytest.mark.boards, pytest.mark.timeout(4 * 3600)]
Property = Callable[[str, object], None]


@pytest.fixture(scope="module")
def fleet() -> Iterator[BoardFleet]:
    """Proven once by `fleet up`; each test takes it as the one before left it, and asks for another context."""
    with VirtualRun(3, report=said) as run:
        run.fill()
        made = BoardFleet(run)
        code, document = made.typed(*UP, "--batch", "2")
        assert (code, set(states(document).values())) == (0, {"proven"}), document
        yield made


def test_all_boards_serve_proven_twice_and_a_second_up_changes_none(
    fleet: BoardFleet, record_property: Property
) -> None:
    record_property("figure", "V17")
    before = fleet.serving()
    code, document = fleet.typed("status")
    assert (code, states(document)) == (0, dict.fromkeys(fleet.names, "done")), document
    code, document = fleet.typed(*UP)
    assert (code, states(document)) == (0, dict.fromkeys(fleet.names, "unchanged")), document
    assert fleet.serving() == before


def test_a_canary_whose_image_is_wrong_gets_the_old_one_back_and_no_other_board_is_touched(
    fleet: BoardFleet, record_property: Property
) -> None:
    record_property("figure", "V18")
    canary, *others = fleet.names
    before = fleet.serving()
    fleet.ask(catalog=fleet.wrong_image())
    code, document = fleet.typed(*UP)
    assert (code, states(document)) == (9, {canary: "rolled-back", **dict.fromkeys(others, "not-started")}), document
    [failed] = [one for one in document["devices"] if one["device"] == canary]
    print(f"the canary's reason: {failed['reason']}", flush=True)
    assert fleet.serving() == before
    fleet.ask()
    code, document = fleet.typed("status")
    assert (code, states(document)) == (0, dict.fromkeys(fleet.names, "done")), document


def test_a_controller_that_is_killed_in_the_middle_is_taken_up_again_and_no_board_is_deployed_to_twice(
    fleet: BoardFleet, record_property: Property
) -> None:
    record_property("figure", "V19")
    _, second, third = fleet.names
    before = fleet.serving()
    fleet.ask(context=2048)
    with timed("until the second board is at work"), fleet.working(*UP) as process:
        fleet.until_it_works_on(second)
        process.send_signal(signal.SIGKILL)
    assert fleet.boards[third].serving() == [before[third]]
    code, document = fleet.typed("resume")
    assert (code, set(states(document).values())) == (0, {"proven"}), document
    assert {one.context for one in fleet.serving().values()} == {"2048"}
    for name, board in fleet.boards.items():
        made = [one for one in board.document("history")["revisions"] if one["context_tokens"] == 2048]
        assert len(made) == 1, f"{name} was deployed to so often: {made}"
    code, document = fleet.typed(*UP)
    assert (code, states(document)) == (0, dict.fromkeys(fleet.names, "unchanged")), document


def test_a_board_whose_power_goes_in_its_turn_is_unknown_until_it_is_back_and_up_again_ends_it(
    fleet: BoardFleet, record_property: Property
) -> None:
    record_property("figure", "V19")
    first, second, third = fleet.names
    before = fleet.serving()
    fleet.ask(context=3072)
    with timed("a rollout in which a board's power goes"), fleet.working(*UP) as process:
        fleet.until_it_works_on(second, "prove")
        fleet.boards[second].machine.cut()
        out, _ = process.communicate(timeout=PATIENCE)
    document = json.loads(out)
    assert process.returncode == 9
    assert states(document) == {first: "proven", second: "unknown", third: "not-started"}, document
    [lost] = [one for one in document["devices"] if one["device"] == second]
    print(f"of the board without power: {lost['reason']}; {lost['hint']}", flush=True)
    assert fleet.boards[third].serving() == [before[third]]
    fleet.boards[second].loses_power()
    code, document = fleet.typed(*UP)
    assert (code, states(document)) == (0, {first: "unchanged", second: "proven", third: "proven"}), document
    assert {one.context for one in fleet.serving().values()} == {"3072"}
