"""Swap is as large as what the model leaves is short of; where no disk is fit for it, L4T's zram is switched on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from bare_board import CAPTURED, ZRAM_LINK, BareBoard, captured_facts
from moves import preparer, undo

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deployment.request import Request
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import DiskFacts
from jetson_deploy.prepare.host_step import Look
from jetson_deploy.prepare.model_need import ModelNeed, model_need
from jetson_deploy.prepare.overview import look_at
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.prepare.swap_and_power import MakeSwap
from jetson_deploy.settings import Settings

SWAP = STEPS["swap"]
GIB = 2**30
CARD = DiskFacts(mount="/", filesystem="ext4", medium="sd", free_bytes=50 * GIB)
HOSTS = CAPTURED.parents[1]


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return BareBoard(tmp_path).make(captured=False)


def of_memory(look: Look, total: float, model: float | None, *, zram: float = 0, disk: DiskFacts | None = None) -> Look:
    memory = msgspec.structs.replace(
        look.facts.memory, total_bytes=int(total * GIB), zram_bytes=int(zram * GIB), swap_total_bytes=int(zram * GIB)
    )
    disks = look.facts.disks if disk is None else (disk,)
    need = None if model is None else ModelNeed(name="deepseek-r1:7b", bytes=int(model * GIB))
    facts = msgspec.structs.replace(look.facts, memory=memory, disks=disks)
    return msgspec.structs.replace(look, facts=facts, model=lambda: need)


@pytest.mark.parametrize(
    ("total", "model", "mib"),
    [
        (7.4, 5.3, 4096),
        (7.4, 1.9, 1024),
        (3.4, 1.9, 5120),
        (3.4, 9.0, 6144),
        (15.3, 9.9, 1024),
        (15.3, 9.3, None),
        (61.4, 57.0, 2048),
        (61.4, 23.2, None),
    ],
)
def test_memory_and_swap_leave_six_gib_to_what_is_not_the_model(
    total: float, model: float, mib: int | None, board: BareBoard
) -> None:
    found = SWAP.check(of_memory(board.look(), total, model))
    assert [one.mib for one in found.changes if isinstance(one, MakeSwap)] == ([] if mib is None else [mib])
    assert (found.state, "deepseek-r1:7b leaves" in found.now) == ("ready" if mib is None else "to-do", True)


def test_without_a_model_that_can_be_chosen_it_is_said_that_the_size_is_not_known(board: BareBoard) -> None:
    found = SWAP.check(of_memory(board.look(), 7.4, None))
    assert (found.state, "jetson-deploy plan says why" in found.now) == ("unknown", True)


def test_where_only_a_card_is_there_the_zram_of_l4t_is_switched_on_and_off_again(board: BareBoard) -> None:
    (board.root / ZRAM_LINK).unlink()
    before = board.tree()
    look = of_memory(board.look(), 7.4, 5.3, disk=CARD)
    assert preparer(board).do([SWAP], look) == ("swap",)
    assert (board.root / ZRAM_LINK).is_symlink()
    assert "systemctl enable --now nvzramconfig.service" in board.commands
    undo(board)
    assert board.tree() == before


def test_zram_that_is_there_stays_where_no_disk_can_replace_it(board: BareBoard) -> None:
    found = SWAP.check(of_memory(board.look(), 7.4, 5.3, zram=3.7, disk=CARD))
    assert (found.state, found.now[:13]) == ("ready", "zram, 3.7 GiB")


@pytest.mark.parametrize(
    ("host", "named", "model"),
    [
        ("orin-nano-8gb-jp6.2", None, "deepseek-r1:7b"),
        ("orin-nano-8gb-desktop", None, "deepseek-r1:7b"),
        ("orin-nano-8gb-desktop", "1.5b", "deepseek-r1:1.5b"),
        ("pc-debian12", None, None),
    ],
)
def test_the_model_is_the_named_one_else_the_largest_once_no_desktop_holds_memory(
    host: str, named: str | None, model: str | None
) -> None:
    request = Request(name="default", model=named)
    look = look_at(HOSTS / host / "root", Settings(), load_catalog(()), request, reboot=False, disk=None)
    found = look.model()
    assert (found.name if found else None) == model


@pytest.mark.parametrize(("named", "code"), [("70b", "model-does-not-fit"), ("nonsense", "unknown-model")])
def test_a_named_model_that_cannot_be_had_is_an_error_and_no_guess(named: str, code: str) -> None:
    request = Request(name="default", model=named)
    with pytest.raises(JetsonDeployError) as caught:
        look_at(
            HOSTS / "orin-nano-8gb-jp6.2/root", Settings(), load_catalog(()), request, reboot=False, disk=None
        ).model()
    assert caught.value.code == code


@pytest.mark.parametrize(("l4t", "chosen"), [(None, False), ("36.4.3", True)])
def test_on_a_host_that_hides_its_l4t_the_model_is_that_of_the_one_that_was_said(l4t: str | None, chosen: bool) -> None:
    """Said now, or kept with what is deployed: by the same call."""
    known = captured_facts()
    hidden = msgspec.structs.replace(known, l4t=None, l4t_source=None, l4t_assumed=None)
    assert (model_need(hidden, load_catalog(()), Request(name="default", l4t=l4t)) is not None) == chosen
