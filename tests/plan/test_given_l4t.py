"""`--l4t`: believed of a host that hides its release, marked everywhere, refused beside what the host shows."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.cli.main import main
from jetson_deploy.deployment.request import Request
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import ContainerFacts, EngineFacts, HostFacts
from jetson_deploy.plan.given_l4t import with_given_l4t
from jetson_deploy.plan.make import draft_plan

ORIN = Path(__file__).parents[1] / "hosts/orin-nano-8gb-jp6.2/root"
SYSTEMS = {
    "poky": 'ID=poky\nCPE_NAME="cpe:/o:openembedded:poky"\n',
    "balena": 'ID="balena-os"\nNAME="balenaOS"\n',
    "nixos": "ID=nixos\n",
}


def hidden(tmp_path: Path, system: str = "poky", kernel: str | None = None) -> Path:
    """The board under a system of its own, without any file of L4T."""
    root = tmp_path / "root"
    shutil.copytree(ORIN, root, symlinks=True)
    (root / "etc/nv_tegra_release").unlink()
    (root / "var/lib/dpkg/status").unlink(missing_ok=True)
    (root / "etc/os-release").write_text(SYSTEMS[system])
    (root / "recorded/engine.json").unlink()
    if kernel is not None:
        (root / "recorded/uname.json").write_text(json.dumps({"release": kernel, "machine": "aarch64"}))
    return root


def facts_of(root: Path) -> HostFacts:
    return detect_host(Host(root), load_catalog(), engine=None, store=None, port=11434, live=False)


def ran(*words: str) -> tuple[int, dict[str, Any]]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        main([*words, "--json"])
    return int(ended.value.code or 0), json.loads(said.getvalue())


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_host_that_hides_its_release_is_sent_to_the_flag_and_then_planned(system: str, tmp_path: Path) -> None:
    root = str(hidden(tmp_path, system))
    code, refused = ran("plan", "--root", root)
    assert (code, "--l4t 36.4.3" in refused["hint"], "apt" in refused["hint"]) == (3, True, False)
    code, plan = ran("plan", "--root", root, "--l4t", "36.4.3")
    assert (code, plan["l4t"]) == (0, "36.4.3")
    assert any("--l4t" in one for one in plan["assumptions"])
    assert plan["spec"]["labels"]["io.jetson-deploy.given-l4t"] == "36.4.3"
    _, facts = ran("detect", "--root", root, "--l4t", "36.4.3")
    assert (facts["l4t"], facts["l4t_given"], facts["jetpack_assumed"], facts["l4t_source"]) == (
        *("36.4.3", True, True, "--l4t"),
    )


def test_without_the_flag_no_label_of_it_is_written() -> None:
    _, plan = ran("plan", "--root", str(ORIN))
    assert not [key for key in plan["spec"]["labels"] if "l4t" in key]


REFUSED = {
    "36.4.3": (None, "l4t-shown", 3),
    "38.2": ("poky", "l4t-of-another-board", 2),
    "99.1": ("poky", "l4t-not-listed", 2),
}


@pytest.mark.parametrize("release", REFUSED)
@pytest.mark.parametrize("verb", ["detect", "plan"])
def test_it_is_refused_where_it_cannot_be(verb: str, release: str, tmp_path: Path) -> None:
    system, code, exit_code = REFUSED[release]
    root = hidden(tmp_path, system) if system else ORIN
    assert (exit_code, code) == ((found := ran(verb, "--root", str(root), "--l4t", release))[0], found[1]["code"])


def test_beside_a_kernel_that_names_its_line_only_a_release_of_that_line_is_believed(tmp_path: Path) -> None:
    facts, catalog = facts_of(hidden(tmp_path, kernel="5.15.148-l4t-r36.4-1012.12+g8dc079d5c8c4")), load_catalog()
    assert facts.l4t_inferred
    exact = with_given_l4t(facts, "36.4.3", catalog)
    assert (exact.l4t, exact.l4t_given, exact.l4t_inferred) == ("36.4.3", True, False)
    with pytest.raises(JetsonDeployError) as refused:
        with_given_l4t(facts, "35.4.1", catalog)
    assert refused.value.code == "l4t-contradicts"


def test_it_is_kept_with_the_revision_until_the_host_shows_its_release(tmp_path: Path) -> None:
    facts, catalog = facts_of(hidden(tmp_path)), load_catalog()
    plan = draft_plan(facts, Request(name="default", l4t="36.4.3"), catalog).accepted()
    served = ContainerFacts(
        id="1" * 64, name="jd-default-1", state="running", image=plan.image.reference, labels=plan.spec.labels
    )
    engine = EngineFacts(reachable=True, version="27.5.1", runtimes=("nvidia", "runc"), containers=(served,))
    again = draft_plan(msgspec.structs.replace(facts, engine=engine), Request(name="default"), catalog).accepted()
    assert (again.l4t, any("--l4t" in one for one in again.assumptions)) == ("36.4.3", True)
    shown = msgspec.structs.replace(facts_of(ORIN), engine=engine)
    assert not any("--l4t" in one for one in draft_plan(shown, Request(name="default"), catalog).accepted().assumptions)
