"""Facts of the catalog and of the board's files, beside the samples."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.detect.devicetree import read_firmware
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.power import power_modes
from jetson_deploy.errors import UsageError
from jetson_deploy.facts import PowerFacts
from jetson_deploy.monitor.why_slow.window import Facts
from jetson_deploy.names import parse_model_name
from jetson_deploy.plan.fits import size_by_name
from jetson_deploy.plan.speed import pace_of, predict

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog
    from jetson_deploy.catalog.entries import ModelSize
    from jetson_deploy.monitor.sample import Sample


def gathered(root: Path, catalog: Catalog, sample: Sample, model: str | None, asked_rate: float | None) -> Facts:
    host = Host(root)
    size = known_size(catalog, model)
    board = catalog.boards.get(sample.identity.board or "")
    # At the highest mode: a lower one is a reason of its own.
    pace = pace_of(board, read_firmware(host).super_mode, PowerFacts(), catalog.limits)
    why = "the catalog does not know this board or this model"
    if sample.simulated:
        pace, why = None, "figures of a real board do not hold for a simulated one"
    return Facts(
        ceiling_id=_id_of(host, sample.board.power_mode.ceiling),
        expected=predict(pace, size.gpu_weight_bytes if size else None, catalog.limits),
        why_not_expected=why,
        kv_bytes_per_token=size.kv_bytes_per_token_f16 if size else None,
        asked_rate=asked_rate,
        own_pid=os.getpid(),
    )


def known_size(catalog: Catalog, model: str | None) -> ModelSize | None:
    """None: not in the catalog."""
    try:
        return size_by_name(catalog, parse_model_name(model or ""))
    except UsageError:
        return None


def _id_of(host: Host, ceiling: str | None) -> int | None:
    return next((number for number, name in power_modes(host).items() if name == ceiling), None)
