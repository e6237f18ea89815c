"""Three virtual boards as a fleet for these tests: what is asked of them, who serves, and a controller at work."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployed_board import PATIENCE, Board, Serving, timed

from jetson_deploy.names import check_image_reference
from jetson_deploy.rehearsal.controller import controller_environment
from jetson_deploy.rehearsal.image import FALSE, MANIFEST_TYPE, make_image
from jetson_deploy.rehearsal.push import Label
from jetson_deploy.rehearsal.virtual.run import VirtualRun

UP = ("up", "--yes", "--accept-cpu", "--soak", "1s")
FLEET_SECONDS = 4 * PATIENCE
"""For one rollout over all of them."""
_WORKS = "systemctl list-units --plain --no-legend 'jd-fleet-*'"


class BoardFleet:
    def __init__(self, run: VirtualRun) -> None:
        self.run = run
        self.boards = {machine.wanted.name: Board(run, machine) for machine in run.machines}
        self._plain: dict[str, Any] = json.loads(run.inventory.read_text())

    @property
    def names(self) -> list[str]:
        return list(self.boards)

    def ask(self, *, catalog: Path | None = None, **settings: object) -> None:
        """Of every board, when it is typed next."""
        asked = json.loads(json.dumps(self._plain))
        asked["groups"]["all"]["settings"] = settings
        if catalog is not None:
            asked["groups"]["all"]["environment"]["JETSON_DEPLOY_CATALOG"] = str(catalog)
        self.run.inventory.write_text(json.dumps(asked))

    def typed(self, verb: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        with timed(f"fleet {verb}"):
            done = self.run.fleet(verb, *arguments, "--json", seconds=FLEET_SECONDS)
        assert done.stdout, done.stderr[-3000:]
        return done.returncode, json.loads(done.stdout)

    @contextlib.contextmanager
    def working(self, verb: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A controller at work; behind the block it is ended."""
        argv = [*self.run.typed(verb, *arguments), "--json"]
        with subprocess.Popen(
            argv, env=controller_environment(self.run.variables()), stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def until_it_works_on(self, name: str, step: str = "") -> None:
        """The unit of a rollout, at `step` of its `up` where one is named."""
        began = (
            f' && grep -qs \'"step": *"{step}"\' "$(ls -td /var/lib/jetson-deploy/fleet/*/ | head -1)"/events.ndjson'
        )
        look = f'[ -n "$({_WORKS})" ]{began if step else ""}'
        self.boards[name].shell(f"until {look}; do sleep 0.5; done")

    def serving(self) -> dict[str, Serving]:
        """By the word of each board's engine; one serves there."""
        found = {name: board.serving() for name, board in self.boards.items()}
        assert {len(each) for each in found.values()} == {1}, found
        return {name: one for name, (one,) in found.items()}

    def wrong_image(self) -> Path:
        """A catalog, here and on every board, whose image is one for another machine than a board."""
        run, target = self.run, self.run.directory / "wrong"
        assert run.plan is not None
        reference = check_image_reference(run.plan.image.reference)
        label = Label(repository=reference.repository, tag=reference.tag or "latest", media_type=MANIFEST_TYPE)
        digest, size = make_image(target / "image", FALSE, label, program="exits")
        run.registry.push(target / "image")
        shutil.rmtree(target / "image")
        shutil.copytree(run.catalog, target / "catalog")
        [file] = (target / "catalog/containers/images").iterdir()
        image = json.loads(file.read_text())
        image["tags"][reference.tag] |= {"digest": digest, "size_bytes": size}
        file.write_text(json.dumps(image))
        for board in self.boards.values():
            board.shell(f"mkdir -p {target}")
            board.machine.put([target / "catalog"], str(target))
        return target / "catalog"


def states(document: dict[str, Any]) -> dict[str, str]:
    return {one["device"]: one["state"] for one in document["devices"]}
