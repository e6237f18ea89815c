"""A number of an option: click's own range lets `nan` through, which is neither below nor above anything."""

from __future__ import annotations

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number to reckon with", param, ctx)
        return number
