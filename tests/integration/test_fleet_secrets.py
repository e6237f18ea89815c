"""A whole rollout with a password of sudo, a passphrase of the key and a registry's login: none is seen elsewhere."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_site import SECONDS, Site, states
from debian_registry import HTPASSWD, LOGIN, PASSWORD, USER
from fleet_boards import booted_boards, controller
from planted_secrets import Planted
from real_sshd import keygen

from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.layout import GATEWAY
from jetson_deploy.rehearsal.registry import CONFIGURATION, PROGRAM

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
CLOSED = f"{GATEWAY}:5001"
CREDENTIALS = "root/registry-login.json"
WRONG = "a-wrong-token-5309"


def test_the_sweep_finds_a_secret_in_a_text_a_file_a_name_and_a_process(tmp_path: Path) -> None:
    planted = Planted("me:gefunden-77")
    holding = "x gefunden-77 x", base64.b64encode(b"me:gefunden-77").decode()
    assert planted.said("nothing", *holding) == list(holding)
    (tmp_path / "long").write_bytes(b"x" * ((1 << 20) - 4) + b"gefunden-77")
    (tmp_path / "of gefunden-77").touch()
    (tmp_path / "given").write_text("gefunden-77")
    (tmp_path / "given").chmod(0o600)
    found = planted.files(tmp_path, given=[tmp_path / "given"])
    assert sorted(Path(path).name for path in found) == ["long", "of gefunden-77"]
    for argv, environment in ((["gefunden-77"], {}), ([], {"TOKEN": "gefunden-77"})):
        with planted.watched() as seen:
            said = "import sys; print(flush=True); sys.stdin.read()"
            with subprocess.Popen(
                [sys.executable, "-c", said, *argv], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as process:
                while not seen.shown and process.poll() is None:
                    pass
                process.kill()
        assert seen.shown


@contextlib.contextmanager
def closed_registry(fleet: Fleet) -> Iterator[None]:
    """What the boards' registry has, for those with a login alone."""
    folder = fleet.layout.directory / "closed"
    folder.mkdir()
    (folder / "htpasswd").write_text(HTPASSWD)
    config = CONFIGURATION.format(data=fleet.layout.directory / "registry", address=CLOSED)
    (folder / "config.yml").write_text(config + LOGIN.format(path=folder / "htpasswd"))
    with (folder / "log").open("wb") as log:
        argv = [*fleet.enter(), PROGRAM, "serve", str(folder / "config.yml")]
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        answers = f"until exec 3<>/dev/tcp/{CLOSED.replace(':', '/')}; do sleep 0.05; done"
        subprocess.run([*fleet.enter(), "timeout", "120", "bash", "-c", answers], check=True, capture_output=True)
        yield
    finally:
        process.terminate()
        process.wait(120)


class Locked:
    """Boards that want a password of sudo, a key that wants a passphrase, and a registry that wants a login."""

    def __init__(self, site: Site) -> None:
        self.site, self.fleet = site, site.fleet
        self.password, self.passphrase = secrets.token_hex(12), secrets.token_hex(12)
        self.planted = Planted(self.password, self.passphrase, f"{USER}:{PASSWORD}", f"{USER}:{WRONG}")
        self.given = [self._file("sudo-password", self.password), self._file("key-passphrase", self.passphrase)]
        self.tokens: list[Path] = []
        for number, place in enumerate(self.fleet.places):
            site.host(place.name, user="nvidia")
            self.fleet.inside(place, "chpasswd", stdin=f"nvidia:{self.password}\n")
            self.fleet.inside(place, "sh", "-ec", "cat >/etc/sudoers.d/nvidia", stdin="nvidia ALL=(ALL) ALL\n")
            self._write_login(number)
        keygen("-p", "-P", "", "-N", self.passphrase, "-f", str(self.fleet.layout.login_key))
        site.environment(JETSON_DEPLOY_REGISTRY=f"http://{CLOSED}", JETSON_DEPLOY_CREDENTIALS=f"/{CREDENTIALS}")

    def _write_login(self, number: int) -> None:
        """The last board's is wrong: what refuses it must not show it either."""
        place = self.fleet.places[number]
        token = WRONG if place is self.fleet.places[-1] else PASSWORD
        auth = base64.b64encode(f"{USER}:{token}".encode()).decode()
        text = json.dumps({"auths": {CLOSED: {"auth": auth}}})
        self.fleet.inside(place, "sh", "-ec", f"umask 077; cat >/{CREDENTIALS}", stdin=text)
        self.tokens.append(self.fleet.holder.path(place.upper) / CREDENTIALS)

    def _file(self, name: str, text: str) -> Path:
        path = self.fleet.layout.directory / name
        path.write_text(f"{text}\n")
        path.chmod(0o600)
        return path

    def files_of_a_board(self, number: int) -> list[str]:
        """Its disk, and its memory disks, of which the host's side sees nothing."""
        place = self.fleet.places[number]
        root = self.fleet.files(place)
        memory = [root / name for name in ("run", "tmp", "dev/shm") if (root / name).is_dir()]
        return self.planted.files(self.fleet.holder.path(place.upper), *memory, given=[self.tokens[number]])

    def journal(self, number: int) -> str:
        """As text: its own files may be compressed."""
        return self.fleet.inside(self.fleet.places[number], "journalctl", "--no-pager", "--all", "-o", "export")


@pytest.fixture(scope="module")
def locked() -> Iterator[Locked]:
    with booted_boards(2, kind="light", converged=False) as fleet, closed_registry(fleet):
        yield Locked(Site(fleet))


@pytest.mark.fault("F22")
def test_no_secret_of_a_rollout_is_in_a_log_a_record_a_process_or_a_file_that_it_was_not_given_in(
    locked: Locked,
) -> None:
    site, planted, said = locked.site, locked.planted, []
    first, last = site.names
    words = ("--sudo-password-file", str(locked.given[0]), "--key-passphrase-file", str(locked.given[1]))
    site.ask(2048, model=site.fleet.site.plans[0].model.name, success_threshold=0, sequence=[{"limit": 1}])
    with planted.watched() as seen:
        for form in ("--json", "--events", "--verbose"):
            done = controller(
                site.fleet, "fleet", "up", "--yes", "--force", *site.where(), *words, form, seconds=SECONDS
            )
            said += [done.stdout, done.stderr]
            if form == "--json":
                ended = json.loads(done.stdout)
        for verb in (("status", "--json"), ("logs", first), ("show", "--json"), ("run", "--", "true")):
            where = () if verb[0] == "show" else (*site.where(), *words)
            done = controller(site.fleet, "fleet", verb[0], *where, *verb[1:], seconds=SECONDS)
            said += [done.stdout, done.stderr]
    assert states(ended) == {first: "proven", last: "failed"}, ended["devices"]
    assert {one["device"]: one["code"] for one in ended["devices"]} == {first: "", last: "registry-login"}
    assert planted.said(*said) == []
    assert seen.shown == []
    for program in (b"sudo", b"jd-start", b"jetson_deploy up", b"ssh"):
        assert any(program in command for command in seen.commands), f"no {program!r} was seen at work"
    assert planted.files(site.fleet.layout.directory, given=locked.given) == []
    for number in range(len(site.names)):
        assert locked.files_of_a_board(number) == []
        assert planted.said(locked.journal(number)) == []
