"""Published decode speeds beside what is predicted for them: data, nothing runs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deployment.plan import Speed
from jetson_deploy.facts import PowerFacts
from jetson_deploy.plan.speed import SHORT_TALK_TOKENS, gpu_floor, pace_of, predict

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "speeds" / "published.yaml"
WIDEST = 1.86


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the data."""

    board: str
    engine: str
    tok_s: tuple[float, ...]
    source: str
    super: bool = False
    mode: str | None = None
    ceiling: str | None = None
    model: str | None = None
    """A size of the catalog."""
    bytes: int | None = None
    name: str = ""
    aside: str = ""

    @property
    def power(self) -> PowerFacts:
        at_ceiling = self.mode == self.ceiling if self.mode and self.ceiling else None
        return PowerFacts(mode=self.mode, ceiling=self.ceiling, at_ceiling=at_ceiling)

    def bytes_per_token(self, catalog: Catalog) -> float | None:
        if self.model is None:
            return self.bytes
        size = catalog.models["deepseek-r1"].sizes[self.model]
        return (size.gpu_weight_bytes or 0) + size.kv_bytes_per_token_f16 * SHORT_TALK_TOKENS


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    row: Published
    speed: Speed
    floor: float | None

    @property
    def inside(self) -> bool:
        return self.speed.low <= min(self.row.tok_s) and max(self.row.tok_s) <= self.speed.high

    @property
    def passes(self) -> bool:
        """The gate of the proof."""
        return self.floor is None or min(self.row.tok_s) >= self.floor

    @property
    def width(self) -> float:
        return self.speed.high / self.speed.low


def judged(part: str) -> list[Judged]:
    """`part`: rows, those that the aim is set for; later, those that were read afterwards."""
    catalog = load_catalog()
    rows = msgspec.convert(yaml.safe_load(DATA.read_text(encoding="utf-8"))[part], list[Published])
    return [_judged(catalog, row) for row in rows]


def _judged(catalog: Catalog, row: Published) -> Judged:
    pace = pace_of(catalog.boards[row.board], row.super, row.power, catalog.limits)
    needed = row.bytes_per_token(catalog)
    speed = predict(pace, needed, catalog.limits)
    assert speed is not None
    return Judged(row=row, speed=speed, floor=gpu_floor(pace, needed, catalog.limits))


def speed() -> None:
    for part in ("rows", "later"):
        found = judged(part)
        print("| board | mode | engine | model | published | predicted | high ÷ low | inside | gate's floor |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for one in found:
            print(f"| {' | '.join(_cells(one))} |")
        counted = [one for one in found if not one.row.aside]
        inside = sum(one.inside for one in counted)
        widest = max(one.width for one in counted)
        below = sum(not one.passes for one in counted)
        width = f"high ÷ low at most {widest:.2f} (aim {WIDEST})"
        print(f"\n{inside} of {len(counted)} inside; {width}; {below} below the floor")
        for one in found:
            if one.row.aside:
                print(f"set aside: {one.row.engine} {one.row.model} on {one.row.board}: {one.row.aside}")
        print()


def _cells(one: Judged) -> list[str]:
    row = one.row
    return [
        row.board,
        row.mode or "not stated",
        row.engine,
        row.model or row.name,
        " to ".join(f"{value:g}" for value in row.tok_s),
        f"{one.speed.low:g} to {one.speed.high:g}",
        f"{one.width:.2f}",
        "set aside" if row.aside else "yes" if one.inside else "no",
        "none" if one.floor is None else f"{one.floor:g}",
    ]
