"""`status` of a deployment whose disk is listed in fstab and not mounted: the failed check says why, and what to do."""

from __future__ import annotations

from pathlib import Path

from runtime import FakeRuntime
from server import FakeServer

from jetson_deploy.deploy.health import health_findings
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.record import LABEL, Record
from jetson_deploy.events import Verdict
from jetson_deploy.settings import Settings


def found(folder: Path, *, passed: bool, listed: bool = True) -> tuple[Finding, ...]:
    fstab = folder / "fstab"
    fstab.write_text(f"/dev/nvme0n1p1 {folder}/disk ext4 nofail 0 2\n" if listed else "")
    record = Record.read({LABEL + "name": "default", LABEL + "store": f"{folder}/disk/models"})
    serving = Instance(container="jd-default-1", container_id="1", state="exited", record=record)
    verdict = Verdict(check="model-listed", passed=passed, observed="no models", expected="the model")
    proof = Proof(verdicts=(verdict,), tokens_per_second=None, gpu_share=None)
    return health_findings(proof, FakeRuntime(), FakeServer().of, Settings(), serving, fstab=fstab)


def test_a_failed_check_names_the_disk_and_how_to_mount_it(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, passed=False)
    assert finding.id == "check-model-listed-failed"
    assert finding.cause.startswith(f"{tmp_path}/disk is listed in /etc/fstab but not mounted")
    assert finding.fix == f"sudo mount {tmp_path}/disk; docker start jd-default-1"


def test_a_server_that_still_serves_is_warned_of(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, passed=True)
    assert (finding.id, finding.severity, finding.fix) == (
        "store-not-mounted",
        "warning",
        f"sudo mount {tmp_path}/disk",
    )


def test_without_such_a_line_there_is_no_finding(tmp_path: Path) -> None:
    assert found(tmp_path, passed=True, listed=False) == ()
