"""Instances under systemd, over a systemctl of memory and real files: their acts, and what a kill leaves."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
from systemctl import FakeSystemctl, Killed

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.systemd.kept import About, Kept, reference
from jetson_deploy.runtime.systemd.runtime import SystemdRuntime
from jetson_deploy.spec import ContainerSpec, HealthCheck, MountSpec

PROGRAM = b"#!/bin/sh\n"
DIGEST = f"sha256:{hashlib.sha256(PROGRAM).hexdigest()}"
IMAGE = reference("0.9.5", DIGEST)
LABEL = "io.jetson-deploy.name"
FOREIGN = "[Service]\nExecStart=/usr/local/bin/ollama serve\n"


class Bench:
    def __init__(self, folder: Path, *, foreign: bool = False) -> None:
        self.folder, self.units = folder, folder / "units"
        (self.units / "multi-user.target.wants").mkdir(parents=True)
        (folder / "models").mkdir()
        if foreign:
            (self.units / "ollama.service").write_text(FOREIGN)
            (self.units / "multi-user.target.wants/ollama.service").symlink_to("../ollama.service")
        self.systemctl = FakeSystemctl(self.units)
        if foreign:
            self.systemctl.boot()
        self.runtime = SystemdRuntime(folder / "programs", units=self.units, systemctl=self.systemctl)
        Kept(folder / "programs").add(self._program, DIGEST)

    def _program(self, into: Path) -> About:
        (into / "bin").mkdir()
        (into / "bin/ollama").write_bytes(PROGRAM)
        return About(digest=DIGEST, program_digest=DIGEST, version="0.9.5", source="/usr/bin/ollama", size_bytes=10)

    def spec(self, **changes: object) -> ContainerSpec:
        health = HealthCheck(
            command=("ollama",), interval_seconds=1, timeout_seconds=1, start_period_seconds=1, retries=1
        )
        made = ContainerSpec(
            image=IMAGE,
            entrypoint=("ollama",),
            command=("serve",),
            environment={"HOME": "/home/ollama", "OLLAMA_HOST": "127.0.0.1:11434", "OLLAMA_MODELS": "/models"},
            mounts=(MountSpec(source=str(self.folder / "models"), target="/models", read_only=True),),
            tmpfs={"/home/ollama": "rw"},
            runtime=None,
            network="host",
            restart="always",
            init=False,
            cap_drop=("ALL",),
            security_opt=("no-new-privileges:true",),
            pids_limit=1024,
            oom_score_adj=500,
            log_driver="journald",
            log_options={},
            health=health,
            stop_seconds=30,
            labels={LABEL: "default"},
        )
        return msgspec.structs.replace(made, **changes)

    def files(self) -> dict[str, str]:
        found = (path for path in self.units.rglob("*") if path.is_symlink() or path.is_file())
        return {str(p.relative_to(self.units)): str(p.readlink()) if p.is_symlink() else p.read_text() for p in found}

    def commit(self) -> str:
        made = self.runtime.create("jd-default-1-candidate", self.spec())
        self.runtime.start("jd-default-1-candidate")
        self.runtime.set_restart("jd-default-1-candidate", "always")
        self.runtime.rename("jd-default-1-candidate", "jd-default-1")
        return made


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_an_instance_is_created_started_committed_and_keeps_its_process_when_it_is_renamed(bench: Bench) -> None:
    made = bench.runtime.create("jd-default-1-candidate", bench.spec())
    before = bench.runtime.inspect(made)
    assert before is not None
    assert (before.state, before.restart_policy, before.labels) == ("created", "no", {LABEL: "default"})
    bench.runtime.start(made)
    started = bench.runtime.inspect(made)
    bench.runtime.set_restart(made, "always")
    bench.runtime.rename(made, "jd-default-1")
    after = bench.runtime.inspect("jd-default-1")
    assert started is not None
    assert after is not None
    assert (after.id, after.pid, after.state, after.restart_policy) == (made, started.pid, "running", "always")
    assert bench.runtime.labelled(LABEL, "default")[0].name == "jd-default-1"
    bench.runtime.stop("jd-default-1", 30)
    stopped = bench.runtime.inspect(made)
    assert stopped is not None
    assert (stopped.state, stopped.exit_code) == ("exited", 0)


def test_only_what_is_committed_is_started_by_the_next_boot(bench: Bench) -> None:
    made = bench.commit()
    other = bench.runtime.create("jd-default-2-candidate", bench.spec())
    bench.runtime.start(other)
    bench.systemctl.boot()
    assert [*bench.systemctl.running] == [f"jetson-deploy-{made}.service"]
    found = bench.runtime.inspect(other)
    assert found is not None
    assert (found.state, found.exit_code) == ("exited", None)  # what it ended with, nobody knows any more


def test_the_server_sees_its_store_below_a_directory_of_its_own(bench: Bench) -> None:
    made = bench.commit()
    lines = (bench.units / f"jetson-deploy-{made}.service").read_text().splitlines()
    run = f"/run/jetson-deploy-{made[:12]}"
    assert f"ExecStart={bench.folder}/programs/{DIGEST[7:]}/bin/ollama serve" in lines
    assert f"Environment=OLLAMA_MODELS={run}/models" in lines
    assert f"Environment=HOME={run}/home/ollama" in lines
    assert f"BindReadOnlyPaths={bench.folder}/models:{run}/models" in lines
    assert "Environment=OLLAMA_HOST=127.0.0.1:11434" in lines


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a b", 'Environment="X=a b"'),
        ("50%", "Environment=X=50%%"),
        ('say "hi"', 'Environment="X=say \\"hi\\""'),
        ("one\nUser=root", 'Environment="X=one\\nUser=root"'),
        ("$HOME", "Environment=X=$HOME"),
    ],
)
def test_a_value_stays_one_value_of_one_line(bench: Bench, value: str, line: str) -> None:
    made = bench.runtime.create("jd-default-1", bench.spec(environment={"X": value}))
    assert line in (bench.units / f"jetson-deploy-{made}.service").read_text().splitlines()


def test_what_is_changed_in_the_unit_is_told_line_by_line(bench: Bench) -> None:
    made = bench.commit()
    as_made = bench.runtime.details(made)
    assert as_made is not None
    assert (as_made.unit_written, as_made.unit_found) == ({}, {})
    unit = bench.units / f"jetson-deploy-{made}.service"
    unit.write_text(unit.read_text().replace("OLLAMA_HOST=127.0.0.1:11434", "OLLAMA_HOST=0.0.0.0:11434"))
    drop_in = unit.with_name(f"{unit.name}.d") / "more.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nMemoryMax=2G\n")
    now = bench.runtime.details(made)
    assert now is not None
    assert now.unit_written == {"Service Environment": "OLLAMA_HOST=127.0.0.1:11434"}
    assert now.unit_found == {"Service Environment": "OLLAMA_HOST=0.0.0.0:11434", "Service MemoryMax": "2G"}


def test_a_program_that_was_changed_is_not_started_anew(bench: Bench) -> None:
    (bench.folder / "programs" / DIGEST[7:] / "bin/ollama").write_bytes(b"another")
    with pytest.raises(JetsonDeployError) as refused:
        bench.runtime.create("jd-default-1", bench.spec())
    assert (refused.value.code, refused.value.exit_code) == ("native-program-changed", 5)
    assert bench.files() == {}


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:..", "sha256:" + "0" * 63, "../models", "sha256:../" + "0" * 61]
)
def test_a_text_that_is_no_digest_removes_nothing(bench: Bench, text: str) -> None:
    kept = Kept(bench.folder / "programs")
    with pytest.raises(JetsonDeployError):
        kept.remove(text)
    assert kept.find(text) is None
    assert bench.runtime.remove_image(f"native.internal/ollama:0.9.5@{text}") is None
    assert kept.find(DIGEST) is not None
    assert (bench.folder / "models").is_dir()


def test_a_program_is_kept_while_an_instance_runs_it(bench: Bench) -> None:
    made = bench.commit()
    assert bench.runtime.remove_image(IMAGE) == "another instance runs it"
    bench.runtime.remove(made, force=True)
    assert bench.runtime.remove_image(IMAGE) is None
    assert bench.runtime.find_image(IMAGE) is None


def test_a_service_that_was_here_is_held_over_a_boot_and_given_back_byte_for_byte(tmp_path: Path) -> None:
    bench = Bench(tmp_path, foreign=True)
    before = bench.files()
    made = bench.commit()
    assert [*bench.systemctl.running] == [f"jetson-deploy-{made}.service"]
    assert (bench.units / "ollama.service").read_text() == FOREIGN
    bench.systemctl.boot()
    assert [*bench.systemctl.running] == [f"jetson-deploy-{made}.service"]
    bench.runtime.remove(made, force=True)
    assert bench.files() == before
    assert [*bench.systemctl.running] == ["ollama.service"]


def test_a_service_that_did_not_run_is_not_started(tmp_path: Path) -> None:
    bench = Bench(tmp_path, foreign=True)
    bench.systemctl.running.clear()
    before = bench.files()
    bench.runtime.remove(bench.commit(), force=True)
    assert (bench.files(), bench.systemctl.running) == (before, {})


def test_a_service_on_another_port_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, foreign=True)
    made = bench.runtime.create("jd-default-1", bench.spec(environment={"OLLAMA_HOST": "127.0.0.1:11999"}))
    bench.runtime.start(made)
    assert {*bench.systemctl.running} == {"ollama.service", f"jetson-deploy-{made}.service"}


@pytest.mark.parametrize("cut_at", range(1, 13))
def test_a_kill_at_any_act_leaves_what_a_second_removal_takes_away(tmp_path: Path, cut_at: int) -> None:
    bench = Bench(tmp_path, foreign=True)
    before = bench.files()
    bench.systemctl.cut_at = cut_at
    try:
        bench.runtime.remove(bench.commit(), force=True)
        cut = False
    except Killed:
        cut = True
    again = SystemdRuntime(tmp_path / "programs", units=bench.units, systemctl=bench.systemctl)
    for one in again.list_containers():
        again.remove(one.id, force=True)
    assert bench.files() == before
    assert [*bench.systemctl.running] == ["ollama.service"]
    assert cut == (cut_at <= 10)  # so many acts it takes
