"""`plan --board ID`: every board of the catalog can be planned, on any machine, and says what was assumed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from forked_cli import ran

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.detect.assumed_host import assumed_host

REPOSITORY = Path(__file__).parent.parent.parent
BOARDS = sorted(path.stem for path in (REPOSITORY / "profiles/boards").glob("*.yaml"))
WITHOUT_OLLAMA = {"nano-2gb", "nano-4gb", "tx1", "tx2-4gb", "tx2-8gb", "tx2-nx", "tx2i"}
"""JetPack 4 is the last one for them."""
ONLY_LINE = {"igx-orin": 36}
"""Its own software is known for JetPack 6 alone, whatever its chip could run."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return ran(*arguments, environment={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})


def test_every_board_of_the_catalog_is_walked() -> None:
    assert len(BOARDS) == len(load_catalog().boards) and set(BOARDS) == set(load_catalog().boards)


@pytest.mark.parametrize("board", BOARDS)
def test_every_board_is_planned_by_its_id_or_refused_with_the_reason(board: str) -> None:
    done = run("plan", "--board", board, "--json")
    document = json.loads(done.stdout)
    if board in WITHOUT_OLLAMA:
        assert (done.returncode, document["code"]) == (3, "no-image-fits")
        assert "JetPack 5.1 or newer" in document["hint"]
        return
    assert (done.returncode, done.stderr) == (0, "")
    assert document["board"] == board
    assert f"board {board} " in document["assumptions"][0]
    assert document["model"]["need_bytes"] <= document["model"]["available_bytes"]


@pytest.mark.parametrize("board", BOARDS)
def test_it_gets_the_newest_release_of_its_own_line_and_less_memory_than_its_name_says(board: str) -> None:
    catalog = load_catalog()
    entry, facts = catalog.boards[board], assumed_host(catalog, board).facts
    assert facts.l4t is not None and not catalog.not_made_for(facts.l4t, entry.soc)
    newest = max(
        parse_version(release)
        for line in catalog.l4t.values()
        if entry.soc in line.socs and line.major == ONLY_LINE.get(board, line.major)
        for release in line.releases
    )
    assert parse_version(facts.l4t) == newest
    total, free = facts.memory.total_bytes, facts.memory.available_bytes
    assert total is not None and free is not None
    assert free < total < entry.ram_gb << 30
    assert free >= 0.45 * (entry.ram_gb << 30)


def test_the_text_marks_what_was_assumed() -> None:
    shown = run("plan", "--board", "orin-nx-16gb").stdout
    assert "\nassumed: board orin-nx-16gb (Jetson Orin NX 16GB), from the catalog" in shown
    assert "\nassumed: L4T 39.2.1 (JetPack 7.2.1), the newest listed for it" in shown
    assert "\nassumed: memory " in shown
    assert len(shown.partition("\n\n")[0].splitlines()) <= 10


def test_the_wishes_count_as_on_a_host() -> None:
    document = json.loads(run("plan", "1.5b", "--board", "orin-nx-16gb", "--store", "/data/models", "--json").stdout)
    assert (document["model"]["name"], document["store"]) == ("deepseek-r1:1.5b", "/data/models")


def test_a_board_and_a_captured_host_exclude_each_other(tmp_path: Path) -> None:
    done = run("plan", "--board", "orin-nx-16gb", "--root", str(tmp_path))
    assert done.returncode == 2
    assert "--board and --root exclude each other" in done.stderr


def test_an_unknown_board_names_the_nearest() -> None:
    done = run("plan", "--board", "orin-nx-16g")
    assert done.returncode == 2
    assert "did you mean orin-nx-16gb?" in done.stderr


def test_the_list_of_the_rehearsal_names_every_board() -> None:
    listed = run("rehearse", "--list").stdout
    assert all(f"\n  {board} " in listed for board in BOARDS)


def test_an_overlay_s_board_of_a_chip_that_was_never_seen_gets_a_cautious_share(tmp_path: Path) -> None:
    (tmp_path / "profiles/boards").mkdir(parents=True)
    text = (REPOSITORY / "profiles/boards/nano-2gb.yaml").read_text()
    text = text.replace("id: nano-2gb", "id: mine").replace("tegra210", "tegra999").replace("p3448-0003", "p9999-0001")
    (tmp_path / "profiles/boards/mine.yaml").write_text(text)
    facts = assumed_host(load_catalog((tmp_path,)), "mine").facts
    assert facts.memory.total_bytes == 1536 << 20
    assert facts.l4t is None
