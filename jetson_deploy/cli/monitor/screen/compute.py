"""GPU, CPUs, memory controller and engines: load, clock and history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.glyphs import bar, graph, sparkline
from jetson_deploy.cli.monitor.screen.lines import LABEL, Block, Line, Section, Span, clean, flow, flowed, row
from jetson_deploy.monitor.board_parts import Cpu, Engine, Gpu
from jetson_deploy.monitor.metric_readers import mean_load
from jetson_deploy.monitor.sample import Sample

_CPU_CELLS = 24
"""Of one CPU beside others, with its clock; without it 10 less."""


def loads(frame: Frame) -> Section:
    gpus = frame.board.gpus
    blocks = [block for number, one in enumerate(gpus) for block in _gpu(frame, one, number)]
    if not gpus:
        blocks = [Block(1, (row("GPU", ("-", "")),))]
    return Section((*blocks, *_cpus(frame), *_others(frame)))


def _gpu(frame: Frame, gpu: Gpu, number: int) -> Iterator[Block]:
    def load(sample: Sample) -> float | None:
        return next((one.load for one in sample.board.gpus if one.name == gpu.name), None)

    label = "GPU" if number == 0 else ""
    yield Block(1, (row(label, *_load(frame, gpu.load, figures.clock(gpu.hertz, gpu.max_hertz), load)),))
    details: list[list[Span]] = [[(clean(gpu.name), "dim")]]
    if gpu.load_max is not None:
        details.append([(f"highest {figures.percent(gpu.load_max)}", "dim")])
    if gpu.min_hertz is not None:
        details.append([(f"lowest clock {figures.megahertz(gpu.min_hertz)} MHz", "dim")])
    if gpu.governor:
        details.append([(f"governor {clean(gpu.governor)}", "dim")])
    yield from flowed(6, "", details, frame.width)
    if number == 0 and gpu.load is not None:
        yield history(frame, frame.series(load, frame.width), 0.0, 1.0, figures.percent)


def _load(frame: Frame, value: float | None, clock: str, read: Callable[[Sample], float | None]) -> tuple[Span, ...]:
    if value is None:
        return (("-" if clock == "-" else f"-  {clock}", ""),)
    text = f" {figures.percent(value):>6}  {'' if clock == '-' else clock:<16} "
    room = frame.width - LABEL - frame.bar - len(text)
    line = sparkline(frame.series(read, room), room, 0.0, 1.0, glyphs=frame.glyphs)
    return ((bar(value, frame.bar, glyphs=frame.glyphs), "good"), (text, ""), (line, "good"))


def history(
    frame: Frame, values: Sequence[float | None], low: float, high: float | None, scale: Callable[[float], str]
) -> Block:
    """Several rows, for a screen that has room; `scale` writes the value at the top and at the bottom."""
    room = frame.width - LABEL
    top = max((v for v in values[-room:] if v is not None), default=low) if high is None else high
    rows = graph(values, room, frame.graph_rows, low, top, glyphs=frame.glyphs)
    marks = [scale(top), *[""] * (len(rows) - 2), scale(low)]
    labels = [f"{mark:>{LABEL - 1}} " for mark in marks]
    return Block(8, tuple(((mark, "dim"), (text, "good")) for mark, text in zip(labels, rows, strict=True)))


def _cpus(frame: Frame) -> Iterator[Block]:
    cpus = frame.board.cpus
    online = [cpu for cpu in cpus if cpu.online is not False]
    known = [cpu for cpu in online if cpu.hertz is not None]
    fastest = max(known, key=lambda cpu: cpu.hertz or 0.0, default=None)
    clock = figures.clock(fastest.hertz, fastest.max_hertz) if fastest else "-"
    yield Block(1, (row("CPU", *_load(frame, mean_load(frame.sample), clock, mean_load)),))
    if cpus:
        yield Block(3, tuple(_each(frame, cpus)))
        governors = sorted({cpu.governor for cpu in online if cpu.governor})
        limits = sorted({cpu.hardware_max_hertz for cpu in online if cpu.hardware_max_hertz})
        details: list[list[Span]] = [[(f"{len(online)} of {len(cpus)} online", "dim")]]
        details += [[(f"governor {clean(name)}", "dim")] for name in governors]
        if limits:
            details.append([(f"hardware allows {', '.join(map(figures.megahertz, limits))} MHz", "dim")])
        yield from flowed(6, "", details, frame.width)
    if mean_load(frame.sample) is not None:
        yield history(frame, frame.series(mean_load, frame.width), 0.0, 1.0, figures.percent)


def _each(frame: Frame, cpus: tuple[Cpu, ...]) -> Iterator[Line]:
    """All of them: with a bar and a clock where there is room, as one sign each where there is not."""
    fits = max(1, (frame.width - LABEL + 2) // (_cells(frame) + 2))
    if len(cpus) <= fits * 3:
        yield from flow("", [_one(frame, cpu) for cpu in cpus], frame.width)
        return
    yield from flow("", [_short(frame, cpu) for cpu in cpus], frame.width)


def _cells(frame: Frame) -> int:
    return _CPU_CELLS if frame.wide else _CPU_CELLS - 10


def _one(frame: Frame, cpu: Cpu) -> list[Span]:
    if cpu.online is False:
        return [(f"{cpu.number:>2} off".ljust(_cells(frame)), "dim")]
    clock = f"  {figures.megahertz(cpu.hertz):>4} MHz" if frame.wide and cpu.hertz is not None else ""
    return [
        (f"{cpu.number:>2} ", ""),
        (" " * 5 if cpu.load is None else bar(cpu.load, 5, glyphs=frame.glyphs), "good"),
        (f" {figures.percent(cpu.load):>5}{clock}".ljust(_cells(frame) - 8), ""),
    ]


def _short(frame: Frame, cpu: Cpu) -> list[Span]:
    if cpu.online is False:
        return [(f"{cpu.number:>2}:off ", "dim")]
    share = "-" if cpu.load is None else f"{cpu.load * 100:.0f}%"
    return [(f"{cpu.number:>2}:{share:>4}", "")]


def _others(frame: Frame) -> Iterator[Block]:
    emc = frame.board.emc
    if (emc.load, emc.hertz, emc.max_hertz) != (None, None, None):
        yield Block(4, (row("EMC", *_load(frame, emc.load, figures.clock(emc.hertz, emc.max_hertz), _emc)),))
    else:
        yield Block(6, (row("EMC", ("-", ""), ("  (only root or jetson-stats can read its load)", "dim")),))
    yield from flowed(5, "engines", [_engine(one) for one in frame.board.engines] or [[("-", "")]], frame.width)


def _emc(sample: Sample) -> float | None:
    return sample.board.emc.load


def _engine(one: Engine) -> list[Span]:
    if one.online is False:
        return [(f"{clean(one.name)} off", "dim")]
    parts = [clean(one.name)]
    parts += [figures.percent(one.load)] if one.load is not None else []
    parts += [f"{figures.megahertz(one.hertz)} MHz"] if one.hertz is not None else []
    if len(parts) == 1:
        parts.append("on" if one.online else "-")
    return [(" ".join(parts), "")]
