"""`expose`, `unexpose` and `key` as a client on the network meets them: real HAProxy, systemd, Ollama, curl."""

from __future__ import annotations

import json
import signal
import stat
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from exposed_board import ADDRESS, DOOR, SERVER_PORT, UNIT, ExposedBoard, chat, exposed_board, written_certificate

from jetson_deploy.expose.door import DoorFiles, DoorVersion, Exposed
from jetson_deploy.expose.haproxy_config import render

pytestmark = pytest.mark.integration
WANTS = "/etc/systemd/system/multi-user.target.wants"
LISTEN = ("--listen", ADDRESS)


@pytest.fixture(scope="module")
def shared() -> Iterator[ExposedBoard]:
    with exposed_board() as board:
        yield board


@pytest.fixture
def board(shared: ExposedBoard) -> ExposedBoard:
    """Nothing is exposed."""
    if shared.door.exists():
        shared.close()
    return shared


@pytest.fixture
def opened(shared: ExposedBoard) -> ExposedBoard:
    """At DOOR, with the usual limits and a certificate of our own; there may be keys of other tests."""
    if not (shared.door / "current").exists():
        done = shared.expose(*LISTEN)
        assert done.returncode == 0, done.stderr
    return shared


def test_after_expose_one_port_listens_and_after_unexpose_none(board: ExposedBoard) -> None:
    units = set(board.systemd.run("ls", "/etc/systemd/system", "/run").split())
    assert board.listening() == set()
    done = board.expose(*LISTEN)
    assert done.returncode == 0, done.stderr
    assert board.listening() == {DOOR}
    assert f"127.0.0.1:{SERVER_PORT}" in board.systemd.run("ss", "-Htln")
    board.key("laptop")
    mine = board.door / "mine.txt"
    mine.write_text("a user's")
    assert board.ran("unexpose")["keys_kept"] is True
    assert board.listening() == set()
    assert {path.name for path in board.door.iterdir()} == {"ca.pem", "ca.key", "keys.json", "mine.txt"}
    assert set(board.systemd.run("ls", "/etc/systemd/system", "/run").split()) == units
    assert board.ran("unexpose")["result"] == "no-changes"
    assert board.ran("unexpose", "--forget-keys")["keys_kept"] is False
    assert [path.name for path in board.door.iterdir()] == ["mine.txt"]
    mine.unlink()


def test_who_is_let_in_and_to_what(opened: ExposedBoard) -> None:
    key = opened.key("visitor")
    asked = chat(1)
    refused = opened.curl("/api/chat", body=asked)
    assert (refused.status, "www-authenticate: bearer" in refused.headers) == (401, True)
    for wrong in ("jd_" + "A" * 43, key[:-1], key + "A", key.lower(), ""):
        assert opened.curl("/api/chat", "-H", f"Authorization: Bearer {wrong}", body=asked).status == 401, wrong
    assert opened.curl("/api/chat", key=key, body=asked).status == 200
    assert opened.curl("/api/tags", "-H", f"X-Api-Key: {key}").status == 200
    openai = {"model": asked["model"], "messages": asked["messages"], "max_tokens": 1}
    assert opened.curl("/v1/chat/completions", key=key, body=openai).status == 200
    for path in (
        "/api/pull",
        "/api/delete",
        "/API/chat",
        "//api/chat",
        "/api/chat/",
        "/%61pi/chat",
        "/api/../api/chat",
    ):
        assert opened.curl(path, "--path-as-is", key=key, body=asked).status == 403, path
    assert opened.curl("/api/chat", key=key).status == 405
    assert opened.curl("/api/tags", "-H", "Host: evil.example", key=key).status == 421
    assert opened.curl("/api/tags", "-H", "Origin: https://evil.example", key=key).status == 403
    assert opened.curl("/api/chat", "-H", "Transfer-Encoding: chunked", key=key, body=asked).status == 411
    large = opened.folder / "large"
    with large.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    assert opened.curl("/api/chat", "--data-binary", f"@{large}", key=key).status == 413
    plain = opened.does("curl", "-sS", "-i", f"http://{DOOR}/api/tags")
    assert " 200 " not in plain.stdout
    old = opened.does("curl", "-sS", "--tls-max", "1.1", "--cacert", str(opened.ca), f"https://{DOOR}/api/tags")
    assert old.returncode != 0


def test_an_answer_is_passed_on_piece_by_piece(opened: ExposedBoard) -> None:
    with opened.streaming(opened.key("reader"), tokens=120) as stream:
        first, received = json.loads(stream.line()), datetime.now(timezone.utc)
        rest = [json.loads(line) for line in stream.rest()]
    assert first["done"] is False
    assert rest[-1]["done"] is True
    assert len(rest) > 20
    made = datetime.fromisoformat(rest[-1]["created_at"][:26].rstrip("Z") + "+00:00")
    assert received < made, "the first piece came before the last one was made"


def test_a_key_that_asks_too_much_is_told_when_to_ask_again(board: ExposedBoard) -> None:
    assert board.expose(*LISTEN, "--concurrent", "1", "--per-minute", "5").returncode == 0
    one, other = board.key("one"), board.key("other")
    with board.streaming(one, tokens=900) as stream:
        stream.line()
        refused = board.curl("/api/tags", key=one)
        assert (refused.status, "retry-after: 5" in refused.headers) == (429, True)
        assert board.curl("/api/tags", key=other).status == 200
    found = [board.curl("/api/tags", key=other) for _ in range(6)]
    assert (found[-1].status, "retry-after: 30" in found[-1].headers) == (429, True)
    assert {answer.status for answer in found} == {200, 429}


def test_a_revoked_or_expired_key_is_refused_at_once_and_no_stream_is_cut(opened: ExposedBoard) -> None:
    gone, stays = opened.key("gone"), opened.key("stays")
    pid = opened.systemd.shown(UNIT, "MainPID")
    with opened.streaming(gone, tokens=300) as stream:
        stream.line()
        assert opened.ran("key", "revoke", "gone")["in_force"] is True
        assert opened.curl("/api/tags", key=gone).status == 401
        assert opened.curl("/api/tags", key=stays).status == 200
        assert json.loads(stream.rest()[-1])["done"] is True
    assert opened.systemd.shown(UNIT, "MainPID") == pid
    assert "gone" not in opened.said("key", "list").stdout
    opened.systemd.systemctl("restart", UNIT)
    assert (opened.curl("/api/tags", key=gone).status, opened.curl("/api/tags", key=stays).status) == (401, 200)
    book = opened.door / "keys.json"
    book.write_text(book.read_text().replace('"expires":', '"expires":1,"was":'))
    opened.key("newer")  # HAProxy's map is written anew from the book
    opened.systemd.systemctl("restart", UNIT)
    assert opened.curl("/api/tags", key=stays).status == 401
    states = {key["name"]: key["state"] for key in opened.ran("key", "list")["keys"]}
    assert (states["stays"], states["newer"]) == ("expired", "valid")


def test_keys_are_in_no_log_no_argument_and_no_file_of_others(opened: ExposedBoard) -> None:
    key = opened.key("quiet")
    assert opened.curl("/api/chat", key=key, body=chat(1)).status == 200
    assert opened.curl(f"/api/tags?key={key}", key=key).status == 200
    assert opened.curl(f"/{key}", key=key).status == 403
    for path in opened.folder.rglob("*"):
        if path.is_file() and "models" not in path.parts:
            assert key.encode() not in path.read_bytes(), path
    processes = b"".join(map(_command_line, Path("/proc").glob("[0-9]*")))
    assert b"haproxy" in processes
    assert key.encode() not in processes
    open_to_all = {
        path.name for path in opened.door.rglob("*") if path.is_file() and path.stat().st_mode & stat.S_IROTH
    }
    assert open_to_all == {"ca.pem", "door.json", "400.http", "408.http", "502.http", "503.http", "504.http"}
    log = (opened.folder / "haproxy.log").read_text()
    assert "192.0.2.10 quiet POST /api/chat 200" in log
    assert "Count from one" not in log


@pytest.mark.parametrize("server", ["ollama", "llama.cpp"])
@pytest.mark.parametrize("host", ["192.0.2.10", "0.0.0.0", "::"])
def test_haproxy_takes_every_configuration_without_a_warning(opened: ExposedBoard, server: str, host: str) -> None:
    record = msgspec.json.decode((opened.door / "current" / "door.json").read_bytes(), type=Exposed)
    names = (*(f"board-{number}.example.com" for number in range(40)), "2001:db8::1")
    door = msgspec.structs.replace(record.door, server=server, host=host, names=names)
    files = DoorFiles(opened.state, "default")
    config = opened.folder / "tried.cfg"
    config.write_text(render(door, files, DoorVersion(files.current)))
    done = opened.does("haproxy", "-c", "-f", str(config))
    assert (done.returncode, "WARNING" in done.stdout + done.stderr) == (0, False), done.stderr


def test_a_second_expose_changes_nothing(opened: ExposedBoard) -> None:
    pid, before = opened.systemd.shown(UNIT, "MainPID"), opened.files()
    found = opened.ran("expose", "--yes")
    assert (found["result"], [one["passed"] for one in found["verdicts"]]) == ("no-changes", [True] * 4)
    assert opened.ran("expose", *LISTEN)["result"] == "no-changes"
    assert (opened.systemd.shown(UNIT, "MainPID"), opened.files()) == (pid, before)
    assert opened.ran("expose", "--per-minute", "77")["result"] == "planned"
    assert opened.files() == before
    assert opened.ran("status")["exposed"]["door"]["port"] == 8443


def test_the_users_certificate_is_served_and_a_wrong_one_refused(board: ExposedBoard) -> None:
    now = datetime.now(timezone.utc)
    good = written_certificate(board.folder / "good", now + timedelta(days=90))
    other = written_certificate(board.folder / "other", now + timedelta(days=90))
    ended = written_certificate(board.folder / "ended", now - timedelta(days=1))
    given = ("--certificate", str(good[0]), "--certificate-key", str(good[1]))
    mixed = board.expose(*LISTEN, "--certificate", str(good[0]), "--certificate-key", str(other[1]))
    assert (mixed.returncode, "is not the key of the certificate" in mixed.stderr) == (2, True)
    late = board.expose(*LISTEN, "--certificate", str(ended[0]), "--certificate-key", str(ended[1]))
    assert (late.returncode, "ended 20" in late.stderr) == (2, True)
    named = board.expose(*LISTEN, *given, "--hostname", "elsewhere.example")
    assert (named.returncode, "not for elsewhere.example" in named.stderr) == (2, True)
    assert board.listening() == set()
    done = board.expose(*LISTEN, *given)
    assert done.returncode == 0, done.stderr
    key = board.key("certified")
    resolved = ("--resolve", f"board.example.com:8443:{ADDRESS}")
    asked = ["curl", "-sS", "--cacert", str(good[0]), *resolved, "-H", f"X-Api-Key: {key}"]
    assert "models" in board.does(*asked, "https://board.example.com:8443/api/tags").stdout
    assert board.ran("expose", "--yes", "--per-minute", "60")["certificate"]["kind"] == "given"
    assert "door-certificate-ends" not in board.finding_ids()


def test_what_keeps_it_from_being_done_is_said_and_nothing_is_begun(board: ExposedBoard) -> None:
    with board.listener(8443):
        taken = board.expose(*LISTEN)
    assert (taken.returncode, "something listens at" in taken.stderr, "--listen" in taken.stderr) == (3, True, True)
    away = board.expose("--listen", "198.51.100.7")
    assert (away.returncode, "ip -brief address" in away.stderr) == (3, True)
    assert board.expose("--listen", "board.example.com").returncode == 2
    nowhere = board.expose()
    assert (nowhere.returncode, "--listen 0.0.0.0" in nowhere.stderr) == (2, True)
    absent = board.without_haproxy("expose", *LISTEN, "--yes")
    assert (absent.returncode, "haproxy is not installed" in absent.stderr) == (3, True)
    assert "apt-get install haproxy" in absent.stderr
    assert board.listening() == set()
    assert not board.door.exists()


def test_a_door_that_fails_its_proof_is_taken_back(opened: ExposedBoard) -> None:
    key, before = opened.key("kept"), opened.files()
    with opened.without_server():
        failed = opened.expose("--listen", f"{ADDRESS}:9443")
    assert (failed.returncode, "the door before stands" in failed.stderr) == (7, True), failed.stderr
    assert opened.listening() == {DOOR}
    assert opened.files() == before
    assert opened.curl("/api/tags", key=key).status == 200


POINTS = [f"expose:{step}:before" for step in range(2, 7)]
COMMITTED = POINTS[3:]


def test_a_first_expose_that_is_killed_leaves_none_or_the_new_one(board: ExposedBoard) -> None:
    for point in POINTS:
        killed = board.expose(*LISTEN, JETSON_DEPLOY_CRASH_AT=point)
        assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        board.settles()
        assert board.listening() == ({DOOR} if point in COMMITTED else set()), point
        assert len(board.versions()) == (point in COMMITTED), point
        assert (UNIT in board.systemd.run("ls", WANTS)) == (point in COMMITTED), point
        board.close()


def test_a_killed_change_leaves_the_old_door_or_the_new_one(opened: ExposedBoard) -> None:
    key, stands, other = opened.key("moved"), 8443, 9443
    for point in ("expose:2:before", "expose:4:before", "expose:5:before"):
        killed = opened.expose("--listen", f"{ADDRESS}:{other}", JETSON_DEPLOY_CRASH_AT=point)
        assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        opened.settles()
        if point in COMMITTED:
            stands, other = other, stands
        assert opened.listening() == {f"{ADDRESS}:{stands}"}, point
        asked = ["curl", "-sS", "--cacert", str(opened.ca), "-H", f"X-Api-Key: {key}"]
        assert "models" in opened.does(*asked, f"https://{ADDRESS}:{stands}/api/tags").stdout, point
        assert len(opened.versions()) == 1, point
    opened.close()


def test_a_power_cut_before_the_commit_boots_the_door_that_was_proven(opened: ExposedBoard) -> None:
    killed = opened.expose("--listen", f"{ADDRESS}:9443", JETSON_DEPLOY_CRASH_AT="expose:3:after")
    assert killed.returncode == -signal.SIGKILL
    assert opened.listening() == {f"{ADDRESS}:9443"}
    opened.systemd.systemctl("kill", "--signal=KILL", UNIT)
    opened.systemd.systemctl("stop", UNIT)  # what is in /run is gone, as after a cut
    opened.systemd.systemctl("start", UNIT)
    assert opened.listening() == {DOOR}


def test_the_door_follows_the_server_to_another_port_and_back(opened: ExposedBoard) -> None:
    key, pid = opened.key("follower"), opened.systemd.shown(UNIT, "MainPID")
    opened.follows(SERVER_PORT + 1)
    gone = opened.curl("/api/tags", key=key)
    assert (gone.status, "retry-after: 5" in gone.headers) == (503, True)
    opened.follows(SERVER_PORT)
    assert opened.curl("/api/tags", key=key).status == 200
    assert (opened.systemd.shown(UNIT, "MainPID"), len(opened.versions())) == (pid, 1)


def test_what_connect_prints_for_the_network_is_answered(opened: ExposedBoard) -> None:
    key, snippets = opened.key("connected"), opened.ran("connect")["snippets"]
    asked = snippets["network"].replace("KEY", key).replace("ca.pem", str(opened.ca)).replace("200}", "1}")
    assert "choices" in json.loads(opened.does("sh", "-c", asked).stdout)
    program = snippets["python"].replace("200", "1").replace('"unused"', f'"{key}"')
    program = program.replace(f"http://127.0.0.1:{SERVER_PORT}", f"https://{DOOR}")
    answered = opened.does(sys.executable, "-c", program, SSL_CERT_FILE=str(opened.ca))
    assert answered.returncode == 0, answered.stderr


def test_down_closes_the_door_too(opened: ExposedBoard) -> None:
    """The last one: nothing is deployed any more."""
    assert opened.ran("down")["door_closed"] is True
    assert opened.listening() == set()
    assert opened.expose(*LISTEN).returncode == 1


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return b""
