"""Numbers as people read them. What is unknown is `-`."""

from __future__ import annotations

from jetson_deploy import units


def percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio * 100:.0f} %"


def megahertz(hertz: float | None) -> str:
    return "-" if hertz is None else f"{hertz / 1e6:.0f}"


def clock(hertz: float | None, top: float | None) -> str:
    """`1020 of 1020 MHz`."""
    if hertz is None and top is None:
        return "-"
    return f"{megahertz(hertz)} MHz" if top is None else f"{megahertz(hertz)} of {megahertz(top)} MHz"


def celsius(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"


def watts(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} W"


def size(count: float | None) -> str:
    return units.size_text(count, unknown="-")


def gib(count: float | None) -> str:
    return units.gib(count)


def of_total(part: float | None, total: float | None) -> str:
    """`5.1 of 7.4 GiB`; sizes below 1 GiB in MiB."""
    if total is not None and total < 1 << 30:
        used = "-" if part is None else f"{part / (1 << 20):.0f}"
        return f"{used} of {total / (1 << 20):.0f} MiB"
    return f"{gib(part)} of {gib(total)} GiB"


def flow_rate(bytes_a_second: float | None) -> str:
    return "-" if bytes_a_second is None else f"{size(bytes_a_second)}/s"


def joules(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} J" if value < 10_000 else f"{value / 3600:.1f} Wh"


def number(value: float | None, form: str = ".1f") -> str:
    return "-" if value is None else format(value, form)


def duration(seconds: float | None) -> str:
    """The two largest units: `1 h 30 min`."""
    if seconds is None:
        return "-"
    left = round(seconds)
    parts: list[str] = []
    for name, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
        elif parts:
            break
    return " ".join(parts[:2])
