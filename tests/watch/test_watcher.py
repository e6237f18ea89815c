"""The whole watcher, with a runtime, a server and a clock of the tests' own."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from container import FakeContainer
from runtime import FakeRuntime
from server import Behaviour, FakeServer
from states import full_state

import jetson_deploy.watch
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.events import Event, Finished, Healed, Note, Noticed
from jetson_deploy.server.exchange import ListedModel
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.systemd.notify import Notifier
from jetson_deploy.watch.actions import WatchActions
from jetson_deploy.watch.audit_log import AuditLog
from jetson_deploy.watch.escalation import Limits
from jetson_deploy.watch.guard import GuardLimits
from jetson_deploy.watch.memory_guard import MemoryGuard
from jetson_deploy.watch.probe import Place, Probe
from jetson_deploy.watch.watch import WatchEnded
from jetson_deploy.watch.watcher import Parts, Watcher

MODEL = "deepseek-r1:8b"
PORT = 11434


def deployed(runtime: FakeRuntime, store: str = "") -> FakeContainer:
    labels = {
        "name": "default",
        "model": MODEL,
        "port": str(PORT),
        "revision": "2",
        "accept-cpu": "false",
        "store": store,
    }
    found = runtime.add("jd-default-2", {LABEL + key: value for key, value in labels.items()})
    runtime.write(found.name, "started")
    return found


class Scene:
    def __init__(self, folder: Path, generate_seconds: float = 0) -> None:
        self.kind, self.runtime = FakeServer(), FakeRuntime()
        self.kind.models = (ListedModel(name=MODEL, digest="d", size=1),)
        self.server = self.kind.start(local_endpoint(PORT).url, Behaviour())
        self.server.loaded.add(MODEL)
        self.disk, self.fstab = folder / "disk", folder / "fstab"
        self.container = deployed(self.runtime, str(self.disk / "models"))
        self.now, self.events, self.children = 1000.0, list[Event](), list[list[str]]()
        self.ended = Finished(exit_code=0, result="done", message="done")
        self.ends_behind: int | None = None
        self.lock_dir = folder / "lock"
        self.state = StateDirectory(folder / "state", "default")
        self.state.save(msgspec.structs.replace(full_state(), intent=None))
        self.root = folder / "root"
        (self.root / "proc").mkdir(parents=True)
        self.memory(4096)
        self.parts = self._parts(generate_seconds)
        self.watcher = Watcher(self.parts)

    def memory(self, mib: int) -> None:
        (self.root / "proc/meminfo").write_text(f"MemTotal:  8000000 kB\nMemAvailable:  {mib * 1024} kB\n")

    def ticks(self, count: int, seconds: float = 10) -> None:
        for _ in range(count):
            self.now += seconds
            self.watcher.tick()

    @property
    def acts(self) -> list[str]:
        return [act.partition(" ")[0] for act in self.runtime.acts]

    @property
    def told(self) -> list[str]:
        told = [e.fault if isinstance(e, Noticed) else e.action if isinstance(e, Healed) else "" for e in self.events]
        return [text for text in told if text]

    @property
    def notes(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Note)]

    @property
    def history(self) -> list[str]:
        state = self.state.load()
        return [line.result for line in state.lines if line.command == "watch"] if state else []

    def _parts(self, generate_seconds: float = 0) -> Parts:
        def clock() -> float:
            return self.now

        place = Place(
            deployment="default",
            root=self.root,
            lock_dir=self.lock_dir,
            default_share=0.95,
            generate_seconds=generate_seconds,
            fstab=self.fstab,
        )
        probe = Probe(place, self.runtime, self.kind.of, clock)
        audit = AuditLog(self.state, self._hear)
        actions = WatchActions(
            deployment="default",
            lock_dir=self.lock_dir,
            runtime=self.runtime,
            servers=self.kind.of,
            audit=audit,
            report=self._hear,
            run=self._run,
            unloaded=probe.expect_load,
        )
        guard = GuardLimits(low=128 << 20, reserve=512 << 20, back=512 << 20, max_times=3, window_seconds=600)
        return Parts(
            place=place,
            limits=Limits(max_restarts=1, window_seconds=600, roll_back=True),
            runtime=self.runtime,
            servers=self.kind.of,
            probe=probe,
            actions=actions,
            guard=MemoryGuard(self.root, guard, actions, audit, self._hear, clock),
            audit=audit,
            state=self.state,
            notifier=Notifier({}),
            issues=dict,
            report=self._hear,
            clock=clock,
        )

    def _hear(self, event: Event) -> None:
        """As a signal would, it may end the watcher right behind the report of an event."""
        self.events.append(event)
        if len(self.events) == self.ends_behind:
            raise WatchEnded

    def _run(self, arguments: list[str]) -> Finished:
        self.children.append(arguments)
        return self.ended


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Scene]:
    """Asks a real question every 300 s, since the server's process does nothing."""
    scene = Scene(tmp_path, generate_seconds=300)
    with subprocess.Popen(["sleep", "600"]) as process:
        scene.container.pid = process.pid
        yield scene
        process.kill()


def questions(scene: Scene) -> int:
    return scene.kind.asked.count(f"probe {MODEL} 16")


def test_an_idle_server_is_asked_a_real_question_every_300_seconds(idle: Scene) -> None:
    idle.ticks(61)
    assert (idle.told, questions(idle)) == ([], 2)


def test_a_busy_server_is_asked_no_real_question(idle: Scene) -> None:
    idle.container.pid = None
    idle.ticks(61)
    assert questions(idle) == 0


def test_rubbish_is_answered_by_a_restart_and_by_rolling_back_when_that_does_not_help(idle: Scene) -> None:
    idle.server.piece = "G"
    idle.ticks(29)
    assert idle.told == []
    idle.ticks(10)
    assert idle.told[:3] == ["rubbish", "restarted", "rolled-back"]
    assert idle.history[:2] == ["noticed", "restarted"]
    noticed = next(event for event in idle.events if isinstance(event, Noticed))
    assert noticed.text == "no working model answers like the server: one character repeated"


def test_after_rubbish_only_a_real_answer_tells_that_it_serves_again(idle: Scene) -> None:
    idle.server.piece = "@"
    idle.ticks(30)
    idle.server.piece, process = "", idle.container.pid
    assert (idle.told, questions(idle)) == (["rubbish", "restarted"], 1)
    idle.container.pid = None
    idle.ticks(10)
    assert (idle.told, questions(idle)) == (["rubbish", "restarted"], 1)
    idle.container.pid = process
    idle.ticks(2)
    assert (idle.told, questions(idle)) == (["rubbish", "restarted", "recovered"], 2)


@pytest.mark.parametrize("tokens", [0, 15])
def test_too_few_tokens_are_not_taken_for_rubbish(idle: Scene, tokens: int) -> None:
    idle.server.piece, idle.server.tokens = "G", tokens
    idle.ticks(31)
    assert "rubbish" not in idle.told and questions(idle) == 1


def test_a_server_that_serves_is_only_asked_for_nothing(scene: Scene) -> None:
    scene.ticks(20)
    assert (scene.told, scene.acts, scene.history) == ([], [], [])
    assert {asked for asked in scene.kind.asked if "probe" in asked} == {f"probe {MODEL} 0"}


def test_a_lost_gpu_is_answered_by_loading_again_restarting_rolling_back_and_then_by_a_call_for_somebody(
    scene: Scene,
) -> None:
    scene.ticks(2)
    scene.server.gpu_share = 0.0
    scene.ticks(40)
    assert scene.told == [
        *("off-gpu", "unloaded", "restarted", "rolled-back", "restarted", "needs-attention"),
    ]
    assert scene.acts == ["restart", "restart"]
    assert scene.children == [["watch", "--only-roll-back"]]
    assert scene.history == ["noticed", "unloaded", "restarted", "restarted", "needs-attention"]
    state = scene.state.load()
    assert state is not None and state.attention is not None and "0% on the GPU" in state.attention


@pytest.mark.parametrize("count", range(1, 7))
def test_what_was_reported_is_on_record_though_the_watcher_ends_right_behind_the_report(
    scene: Scene, count: int
) -> None:
    scene.server.gpu_share, scene.ends_behind = 0.0, count
    with pytest.raises(WatchEnded):
        scene.ticks(42)
    scene.parts.actions.flush()
    results = {"off-gpu": "noticed"}
    by_the_child = {"rolled-back"}
    assert scene.history == [results.get(told, told) for told in scene.told if told not in by_the_child]
    state = scene.state.load()
    assert state is not None and (state.attention is not None) == ("needs-attention" in scene.told)


def test_what_needed_somebody_and_serves_again_for_the_window_is_taken_back(scene: Scene) -> None:
    scene.server.gpu_share = 0.0
    scene.ticks(40)
    scene.server.gpu_share = 1.0
    scene.ticks(70)
    state = scene.state.load()
    assert scene.told[-1] == "recovered" and state is not None and state.attention is None


def test_a_disk_that_is_not_mounted_is_waited_for_and_the_server_is_started_again_when_it_is_there(
    scene: Scene,
) -> None:
    scene.fstab.write_text(f"/dev/nvme0n1p1 {scene.disk} ext4 nofail 0 2\n")
    scene.server.broken = "model not found, try pulling it first"
    scene.ticks(60)
    assert (scene.told, scene.acts, scene.children) == (["store-missing"], [], [])
    noticed = next(event for event in scene.events if isinstance(event, Noticed))
    assert noticed.text.startswith(f"{scene.disk} is listed in /etc/fstab but not mounted")
    assert noticed.hint.startswith(f"sudo mount {scene.disk};")
    scene.fstab.write_text("")  # as if it were mounted: nothing of it is missing any more
    scene.ticks(3)
    assert scene.acts == ["restart"]
    scene.server.broken = ""
    scene.ticks(3)
    assert scene.told == ["store-missing", "broken", "restarted", "recovered"]


def test_a_server_that_serves_although_a_disk_of_fstab_is_missing_is_left_alone(scene: Scene) -> None:
    scene.fstab.write_text(f"/dev/nvme0n1p1 {scene.disk} ext4 nofail 0 2\n")
    scene.ticks(20)
    assert (scene.told, scene.acts) == ([], [])


def test_another_container_is_healed_anew(scene: Scene) -> None:
    scene.server.gpu_share = 0.0
    scene.ticks(40)
    scene.runtime.acts.clear()
    scene.runtime.remove(scene.container.name, force=True)
    deployed(scene.runtime)
    scene.runtime.acts.clear()
    scene.ticks(6)
    assert scene.acts == ["restart"]


def test_a_roll_back_that_another_run_kept_from_is_tried_again(scene: Scene) -> None:
    scene.ended = Finished(exit_code=75, result="locked", message="another run holds this deployment")
    scene.server.gpu_share = 0.0
    scene.ticks(30)
    assert len(scene.children) > 1 and "rolled-back" not in scene.told
    scene.ended = Finished(exit_code=7, result="rolled-back", message="it failed too")
    scene.ticks(30)
    assert scene.told[-1] == "needs-attention" and scene.told.count("failed") == 1


def test_while_another_run_holds_the_lock_nothing_is_done_and_it_is_said_once(scene: Scene) -> None:
    scene.server.gpu_share = 0.0
    with deployment_lock(scene.lock_dir, "default", command="up"):
        scene.ticks(10)
        assert scene.told == [] and scene.acts == []
        assert len([n for n in scene.notes if "only observing" in n]) == 1
    scene.ticks(2)
    assert scene.told == ["off-gpu", "unloaded"]


def test_an_engine_that_comes_back_is_followed_by_recover(scene: Scene) -> None:
    scene.runtime.away = "the Docker Engine: gone"
    scene.ticks(5)
    scene.runtime.away = ""
    scene.ticks(1)
    assert scene.children == [["recover"]]
    assert [n for n in scene.notes if "waiting" in n] == ["the Docker Engine: gone; waiting for it"]


def test_nothing_deployed_is_waited_for(scene: Scene) -> None:
    scene.runtime.remove(scene.container.name, force=True)
    scene.ticks(3)
    assert scene.told == [] and len(scene.notes) == 1


def test_short_memory_unloads_then_stops_and_the_stopped_one_is_ours_to_start(scene: Scene) -> None:
    scene.ticks(1)
    scene.memory(100)
    scene.watcher.look_at_memory()
    assert scene.told == ["memory-low", "unloaded"]
    scene.ticks(1)
    assert MODEL not in scene.server.loaded, "a look must not load what was unloaded for want of memory"
    scene.watcher.look_at_memory()
    assert scene.acts == ["stop"]
    assert (scene.container.state, scene.container.exit_code) == ("exited", 0)
    scene.memory(4096)
    for _ in range(5):
        scene.ticks(1)
        scene.watcher.look_at_memory()
    assert scene.acts == ["stop", "start"]
    assert scene.history == ["unloaded", "stopped", "started"]


def test_a_watcher_that_starts_anew_knows_what_the_one_before_stopped(scene: Scene) -> None:
    scene.container.state, scene.container.exit_code = "exited", 0
    parts = scene._parts()
    parts.audit.line("stopped", "no memory", 2)
    parts.actions.flush()
    watcher = Watcher(parts)
    watcher.begin()
    for _ in range(5):
        scene.now += 20
        watcher.tick()
        watcher.look_at_memory()
    assert scene.acts == ["start"]
    assert "stopped" not in scene.told


def test_only_the_monotonic_clock_is_asked_so_that_a_jump_to_1970_or_2099_changes_nothing() -> None:
    """What stamps a line of the history for people is in journal.now."""
    modules = sorted(Path(jetson_deploy.watch.__file__).parent.glob("*.py"))
    assert len(modules) > 10
    clocks = [node for path in modules for node in ast.walk(ast.parse(path.read_text())) if _is_clock(node)]
    assert {ast.unparse(node) for node in clocks} == {"time.monotonic"}


def _is_clock(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("time", "datetime")
    )
