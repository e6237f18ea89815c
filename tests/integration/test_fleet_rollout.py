"""A rollout over light boards, whose tool, units and records are real: canary, kill -9, two controllers, back again."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_boards import booted_boards, controller, controller_argv, controller_environment

from jetson_deploy.fleet.rollout.kept import ids
from jetson_deploy.fleet.rollout.record import FILE
from jetson_deploy.rehearsal.fleet.fleet import Fleet

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
BEHAVIOUR = "/etc/rehearsal/server.json"


class Site:
    """The boards, and an inventory that asks for one context after the other."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.names = fleet, [place.name for place in fleet.places]
        self._inventory: dict[str, Any] = json.loads(fleet.inventory.read_text())

    def ask(self, context: int, **rollout: object) -> None:
        self._inventory["groups"]["all"]["settings"] = {"context": context}
        self._inventory["rollout"] = {"soak": 0.2, **rollout}
        self.fleet.inventory.write_text(json.dumps(self._inventory))

    def spoil(self, name: str, context: int) -> None:
        """A server with this context answers rubbish there."""
        wrong = {"rubbish": True, "when": {"OLLAMA_CONTEXT_LENGTH": str(context)}}
        self.fleet.inside(self._place(name), "tee", BEHAVIOUR, stdin=json.dumps(wrong))

    def where(self) -> tuple[str, ...]:
        return ("-i", str(self.fleet.inventory), "--ssh-config", str(self.fleet.ssh_config))

    def typed(self, *words: str) -> tuple[int, dict[str, Any]]:
        done = controller(self.fleet, "fleet", *words, *self.where(), "--json")
        assert done.stdout, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, document

    @contextlib.contextmanager
    def working(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A controller that is at work in the block, and is ended behind it."""
        argv = controller_argv(self.fleet, "fleet", *words, *self.where(), "--json")
        with subprocess.Popen(
            argv, env=controller_environment(self.fleet), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def record(self) -> Path:
        directory = Path(controller_environment(self.fleet)["JETSON_DEPLOY_FLEET_DIR"])
        return directory / ids(directory)[-1] / FILE

    def wait_for(self, before: int, kind: str, device: str | None = None, lines: int = 1) -> None:
        """So many lines in the record of the rollout that comes after `before` others."""
        directory = Path(controller_environment(self.fleet)["JETSON_DEPLOY_FLEET_DIR"])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if len(ids(directory)) > before:
                read = map(json.loads, self.record().read_bytes().split(b"\n")[:-1])
                if sum(line["kind"] == kind and line.get("device") == device for line in read) >= lines:
                    return
            time.sleep(0.02)
        pytest.fail(f"no {kind} of {device} in time")

    def count(self) -> int:
        return len(ids(Path(controller_environment(self.fleet)["JETSON_DEPLOY_FLEET_DIR"])))

    def serving(self, name: str) -> tuple[int, int]:
        """Context and revision, by the board's own word."""
        done = self.fleet.ssh(self._place(name), "jetson-deploy status --json")
        status = json.loads(done.stdout)
        assert status["healthy"], done.stdout
        return status["context_tokens"], status["revision"]

    def _place(self, name: str) -> Any:
        return next(place for place in self.fleet.places if place.name == name)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {one["device"]: one["state"] for one in document["devices"]}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with booted_boards(3, kind="light") as fleet:
        yield Site(fleet)


def test_after_kill_9_and_ctrl_c_resume_ends_what_was_begun_and_starts_nothing_twice(site: Site) -> None:
    site.ask(3072, sequence=[{"limit": 2}])
    before, began = site.count(), {name: site.serving(name)[1] for name in site.names}
    with site.working("up", "--yes") as process:
        site.wait_for(before, "device-started", site.names[1])
        second = controller(site.fleet, "fleet", "resume", *site.where())
        process.send_signal(signal.SIGKILL)
    assert second.returncode == 75, second.stderr
    assert "is worked on by another controller" in second.stderr
    with site.working("resume") as process:
        site.wait_for(before, "taken", lines=2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    rollout = site.record().parent.name
    assert json.loads(out)["hint"] == (
        f"the devices that were begun go on; jetson-deploy fleet resume {rollout} takes it up again"
    )
    code, document = site.typed("resume")
    assert (code, set(states(document).values())) == (0, {"proven"}), document
    for name in site.names:
        context, revision = site.serving(name)
        assert (context, revision - began[name]) == (3072, 1), f"{name} was deployed once"


def test_a_canary_that_fails_is_rolled_back_by_itself_and_no_other_board_is_touched(site: Site) -> None:
    first, *others = site.names
    before = [site.serving(name) for name in others]
    site.spoil(first, 2048)
    site.ask(2048)
    code, document = site.typed("up", "--yes")
    assert code == 9
    assert states(document) == {first: "rolled-back", **dict.fromkeys(others, "not-started")}
    [failed] = [one for one in document["devices"] if one["device"] == first]
    assert failed["reason"]
    assert [site.serving(name) for name in others] == before
    unit = document["rollout"]["id"]
    for place in site.fleet.places[1:]:
        assert site.fleet.ssh(place, f"ls /var/lib/jetson-deploy/fleet/jd-fleet-{unit}").returncode != 0
    assert site.serving(first)[0] == before[0][0]


def test_a_rollout_that_stops_brings_back_what_it_changed_where_that_is_asked_for(site: Site) -> None:
    first, second = names = site.names[:2]
    before = [site.serving(name)[0] for name in names]
    site.spoil(second, 2560)
    site.ask(2560, sequence=[{"limit": 1}], success_threshold="100%")
    code, document = site.typed("up", "--yes", "--rollback-all", "--limit", f"{first},{second}")
    assert code == 9
    assert states(document)[first] == states(document)[second] == "rolled-back", document
    assert [site.serving(name)[0] for name in names] == before
    reasons = {one["device"]: one["reason"] for one in document["devices"]}
    assert reasons[first].startswith("rolled back with the rollout: batch 2")
    assert document["rollout"]["result"] == "stopped"
    shown = controller(site.fleet, "fleet", "show", "-1")
    assert shown.returncode == 0
    assert [line.split()[0] for line in shown.stdout.splitlines() if line.startswith("board-")] == names
