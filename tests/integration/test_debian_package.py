"""`scripts/deb`: the package has nothing that lintian warns of, installs, runs, and goes without leaving anything.

dpkg works on this machine's root under a layer that ends with the command, in a mount namespace without systemd.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from install_roots import REPOSITORY

from jetson_deploy.install import source

pytestmark = pytest.mark.integration

HOME = "/usr/lib/jetson-deploy"
CHANGED = ("usr", "etc", "var/lib/dpkg", "var/cache", "var/log")
SECONDS = 600


@pytest.fixture(scope="module")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deb")
    done = subprocess.run(
        [REPOSITORY / "scripts/deb", "--here", folder], capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done
    (built,) = folder.iterdir()
    return built


def under_a_layer(layer: Path, script: str) -> list[str]:
    """The lines that the script prints; it ends with its first command that fails."""
    layer.mkdir()
    lines = [f"mount -t tmpfs layer {layer}", "mount -t tmpfs run /run"]
    for place in CHANGED:
        up, work = (f"{layer}/{kind}-{place.replace('/', '-')}" for kind in ("up", "work"))
        lines += [
            f"mkdir {up} {work}",
            f"mount -t overlay -o lowerdir=/{place},upperdir={up},workdir={work} none /{place}",
        ]
    argv = ["unshare", "--mount", "sh", "-ec", "\n".join([*lines, script])]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done
    return done.stdout.splitlines()


def test_lintian_has_nothing_to_say(deb: Path) -> None:
    """What is carried of the package index as it is stands in the package's overrides, with the reason."""
    argv = ["lintian", "--allow-root", "--fail-on", "error,warning", str(deb)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (0, ""), done


def test_it_installs_runs_and_goes_without_leaving_anything(deb: Path, tmp_path: Path) -> None:
    """Modules of the working directory are not taken; what runs leaves nothing that removal does not know."""
    (tmp_path / "click.py").write_text("raise SystemExit('not this one')\n")
    said = under_a_layer(
        tmp_path / "layer",
        f"""
        dpkg -i {deb} >/dev/null
        cd {tmp_path}
        PYTHONPATH={tmp_path} jetson-deploy --version
        jetson-deploy doctor --log /dev/null >/dev/null || test $? = 1
        dpkg -V jetson-deploy
        bash -c '. /usr/share/bash-completion/completions/jetson-deploy; complete -p jetson-deploy'
        jetson-deploy self update {tmp_path} 2>&1 || echo refused with $?
        mkdir -p /etc/systemd/system
        cd /etc/systemd/system
        printf '[Service]\\nExecStart={HOME}/bin/python3 -m jetson_deploy\\n' >jetson-deploy-monitor.service
        printf '[Service]\\nExecStart=/home/me/python\\n' >jetson-deploy-watch@.service
        dpkg -P jetson-deploy >/dev/null
        ls -d {HOME} /usr/bin/jetson-deploy /etc/systemd/system/jetson-deploy-* 2>/dev/null || true
        """,
    )
    assert said[0] == f"jetson-deploy, version {source.version()}"
    assert said[1].startswith("complete ")
    assert said[2].startswith("error: this copy of the tool is a Debian package")
    assert said[-2:] == ["refused with 3", "/etc/systemd/system/jetson-deploy-watch@.service"]


def test_every_program_that_its_units_start_is_in_it(deb: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", deb, tmp_path], check=True, timeout=SECONDS)
    units = sorted((tmp_path / "lib/systemd/system").iterdir())
    starts = [line for unit in units for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    templates = (REPOSITORY / "jetson_deploy").glob("*/units/*.service")
    # That of `expose` starts HAProxy, and `expose` writes it for the host.
    assert {unit.name for unit in units} == {one.name for one in templates if "ExecStart=@COMMAND@" in one.read_text()}
    assert len(starts) == len(units)
    assert {line.split()[0] for line in starts} == {f"ExecStart={HOME}/bin/python3"}
    assert (tmp_path / HOME.lstrip("/") / "bin/python3").is_symlink()
    left = {mark for unit in units for mark in re.findall(r"@[A-Z]+@", unit.read_text())}
    assert left == set()
