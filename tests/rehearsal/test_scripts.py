"""The shell scripts around the tool, with apt-get, sudo, python and the like replaced by programs that write down
how they were called: what is installed, what is left alone, and what passes through sudo."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "scripts"
MARK = "# made by scripts/apt-install of jetson-deploy, process"
PYTHON = """#!/bin/sh
# Stands in for python3.12 and for .venv/bin/python.
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python; touch .venv/pip ;;
  "-m pip --version") [ -e .venv/pip ] || exit 1 ;;
  "-m pip install"*) touch .venv/bin/jetson-deploy; chmod +x .venv/bin/jetson-deploy ;;
  *) exit 0 ;;
esac
echo "$*" >> "$LOG"
"""


class Machine:
    """A directory of programs that come first on PATH, and the log of their calls."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bin = directory / "bin"
        self.bin.mkdir()
        self.log = directory / "log"
        self.log.touch()
        self.policy = directory / "root/usr/sbin/policy-rc.d"
        self.policy.parent.mkdir(parents=True)

    def has(self, name: str, text: str = 'echo "${0##*/} $*" >> "$LOG"') -> None:
        path = self.bin / name
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def runs(self, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("JETSON_", "DOCKER_")) and "roxy" not in k.lower()
        }
        own = {"PATH": f"{self.bin}:/usr/bin:/bin", "LOG": str(self.log), "DPKG_ROOT": str(self.directory / "root")}
        return subprocess.run(
            argv, env={**kept, **own, **variables}, capture_output=True, text=True, timeout=60, check=False
        )

    def calls(self, name: str = "") -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(name)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A PC where dpkg knows no package at all, with a root user."""
    machine = Machine(tmp_path)
    machine.has("id", "echo 0")
    machine.has("dpkg-query", "exit 1")
    machine.has("apt-get")
    return machine


def install(machine: Machine, *packages: str) -> subprocess.CompletedProcess[str]:
    return machine.runs(str(SCRIPTS / "apt-install"), "--for", "a test needs them", *packages)


def test_what_is_installed_is_said_with_the_reason(machine: Machine) -> None:
    assert "installing zz-missing: a test needs them" in install(machine, "zz-missing").stderr


@pytest.mark.parametrize(
    ("package", "program"),
    [
        ("docker.io", "dockerd"),
        ("runc", "runc"),
        ("docker-registry", "docker-registry"),
        ("iptables", "iptables"),
        ("iproute2", "ip"),
        ("util-linux", "nsenter"),
        ("libc-bin", "ldd"),
        ("g++", "g++"),
        ("shellcheck", "shellcheck"),
    ],
)
def test_a_package_whose_program_is_there_is_not_installed(machine: Machine, package: str, program: str) -> None:
    machine.has(program)
    done = install(machine, package)
    assert (done.returncode, machine.calls("apt-get")) == (0, []), done.stderr


def test_what_is_missing_is_installed_alone_and_nothing_may_be_removed_for_it(machine: Machine) -> None:
    machine.has("dockerd")
    done = install(machine, "docker.io", "a-package-of-a-test")
    assert done.returncode == 0, done.stderr
    (call,) = machine.calls("apt-get install")
    assert "--no-remove" in call.split()
    assert "DPkg::Lock::Timeout=600" in call.split()
    assert call.endswith(" a-package-of-a-test")


def test_no_service_is_started_while_it_installs_and_after_it_they_may_again(machine: Machine) -> None:
    machine.has("apt-get", f'echo "policy $(tail -n 1 {machine.policy})" >> "$LOG"')
    install(machine, "a-package-of-a-test")
    assert machine.calls("policy") == ["policy exit 101"] * 2
    assert not machine.policy.exists()


def test_a_failed_install_says_so_and_leaves_no_policy(machine: Machine) -> None:
    machine.has("apt-get", "echo E: docker-ce would be removed; exit 100")
    done = install(machine, "a-package-of-a-test")
    assert done.returncode == 3
    assert "docker-ce would be removed" in done.stderr and "hint: " in done.stderr
    assert not machine.policy.exists()


@pytest.mark.parametrize("packages", [[], ["a-package-of-a-test"]])
def test_a_policy_that_a_killed_run_left_is_removed_by_the_next(machine: Machine, packages: list[str]) -> None:
    machine.policy.write_text(f"#!/bin/sh\n{MARK} {2**22 - 1}\nexit 101\n")
    assert install(machine, *packages).returncode == 0
    assert not machine.policy.exists()


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 101\n", "#!/bin/sh\n# made by somebody else, process 1\n"])
def test_somebody_else_s_policy_stays(machine: Machine, text: str) -> None:
    machine.policy.write_text(text)
    assert install(machine, "a-package-of-a-test").returncode == 0
    assert machine.policy.read_text() == text


def test_the_policy_of_a_run_that_goes_on_stays(machine: Machine, tmp_path: Path) -> None:
    other = tmp_path / "apt-install"
    other.write_text("#!/bin/sh\nread line\n")
    with subprocess.Popen(["sh", str(other)], stdin=subprocess.PIPE) as process:
        machine.policy.write_text(f"#!/bin/sh\n{MARK} {process.pid}\nexit 101\n")
        install(machine, "a-package-of-a-test")
        assert machine.policy.exists()


def test_without_root_and_sudo_it_is_told_what_is_needed(machine: Machine) -> None:
    machine.has("id", "echo 1000")
    if shutil.which("sudo", path="/usr/bin:/bin"):
        machine.has("sudo", "exit 1")
    done = install(machine, "a-package-of-a-test")
    assert done.returncode != 0
    assert machine.calls("apt-get") == []


@pytest.fixture
def checkout(machine: Machine, tmp_path: Path) -> Path:
    """What scripts/setup reads, and a python3.12 that only pretends."""
    here = tmp_path / "checkout"
    (here / "jetson_deploy").mkdir(parents=True)
    shutil.copytree(SCRIPTS, here / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "jetson_deploy/__init__.py"):
        shutil.copy(REPOSITORY / name, here / name)
    machine.has("python3.12", PYTHON)
    return here


def on_a_jetson(machine: Machine) -> None:
    machine.has("grep", 'case "$*" in *nvidia,tegra*) exit 0 ;; esac\nexec /usr/bin/env PATH=/usr/bin:/bin grep "$@"')


def set_up(machine: Machine, checkout: Path, *arguments: str) -> list[str]:
    """What pip installed and venv made in this run."""
    before = len(machine.calls("-m"))
    done = machine.runs(str(checkout / "scripts/setup"), *arguments)
    assert done.returncode == 0, done.stderr
    return [c.removeprefix("-m ").split(" ")[0] + " " + c.split(" ")[-1] for c in machine.calls("-m")[before:]]


def test_set_up_is_done_once(machine: Machine, checkout: Path) -> None:
    assert set_up(machine, checkout) == ["venv .venv", "pip .[dev]"]
    assert set_up(machine, checkout) == []
    assert set_up(machine, checkout, "dev") == []


def test_on_a_jetson_what_developing_needs_comes_when_it_is_asked_for_and_stays(
    machine: Machine, checkout: Path
) -> None:
    on_a_jetson(machine)
    assert set_up(machine, checkout) == ["venv .venv", "pip ."]
    assert set_up(machine, checkout) == []
    assert "pip .[dev]" in set_up(machine, checkout, "dev")
    assert set_up(machine, checkout, "dev") == []
    assert set_up(machine, checkout) == []


def test_a_change_of_the_requirements_is_set_up_again(machine: Machine, checkout: Path) -> None:
    set_up(machine, checkout)
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert "pip .[dev]" in set_up(machine, checkout)


def test_a_venv_that_was_cut_off_before_it_had_pip_is_made_again(machine: Machine, checkout: Path) -> None:
    half = checkout / ".venv" / "bin"
    half.mkdir(parents=True)
    shutil.copy(machine.bin / "python3.12", half / "python")
    assert set_up(machine, checkout) == ["venv .venv", "pip .[dev]"]
    assert (checkout / ".venv" / "pip").exists()


def test_check_asks_for_what_it_runs() -> None:
    assert "scripts/setup dev" in (SCRIPTS / "check").read_text()


def up(machine: Machine, checkout: Path, **variables: str) -> str:
    """How scripts/up of an ordinary user calls sudo on a Jetson."""
    on_a_jetson(machine)
    machine.has("id", "echo 1000")
    machine.has("sudo")
    done = machine.runs(str(checkout / "scripts/up"), "7b", **variables)
    assert done.returncode == 0, done.stderr
    link, call = machine.calls("sudo")
    assert link.endswith("/scripts/link")
    assert [line.rpartition(" ")[2] for line in done.stderr.splitlines()[-3:]] == ["status", "chat", "monitor"]
    return call


def test_settings_and_proxies_pass_through_sudo_by_name_and_their_values_are_not_shown(
    machine: Machine, checkout: Path
) -> None:
    passed = {
        "JETSON_DEPLOY_PORT": "12345",
        "JETSON_DEPLOY_CATALOG": "/my/overlay",
        "DOCKER_HOST": "unix:///run/docker.sock",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/certs",
        **dict.fromkeys(("http_proxy", "https_proxy", "no_proxy"), "http://me:secret@proxy"),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"), "http://me:secret@proxy"),
    }
    call = up(machine, checkout, **passed, NOT_JETSON_DEPLOY_X="1", DOCKER_HOSTILE="1")
    option = next(word for word in call.split() if word.startswith("--preserve-env="))
    assert sorted(option.removeprefix("--preserve-env=").split(",")) == sorted(passed)
    assert "secret" not in call
    assert call.endswith("/.venv/bin/jetson-deploy up 7b")


def test_without_settings_sudo_is_asked_for_nothing_special(machine: Machine, checkout: Path) -> None:
    assert up(machine, checkout) == f"sudo {checkout}/.venv/bin/jetson-deploy up 7b"


def test_up_goes_on_where_the_link_is_refused_and_keeps_the_exit_code_of_the_tool(
    machine: Machine, checkout: Path
) -> None:
    on_a_jetson(machine)
    machine.has("id", "echo 1000")
    machine.has("sudo", 'echo "sudo $*" >> "$LOG"; case "$*" in */link) exit 3 ;; *) exit 7 ;; esac')
    done = machine.runs(str(checkout / "scripts/up"))
    assert (done.returncode, len(machine.calls("sudo"))) == (7, 2)
    assert "next:" not in done.stderr


def test_uninstall_removes_the_link_and_does_nothing_else(machine: Machine, checkout: Path) -> None:
    on_a_jetson(machine)
    machine.has("id", "echo 1000")
    machine.has("sudo")
    assert machine.runs(str(checkout / "scripts/up"), "--uninstall").returncode == 0
    assert machine.calls() == ["sudo scripts/link --remove"]
