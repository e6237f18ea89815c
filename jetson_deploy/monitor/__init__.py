"""The monitor of board and model: sources → one `Sample` → alerts → terminal, JSON lines, Prometheus, history.

`sample.py` holds the types, `metrics.py` the one table of names that Prometheus, the history, the charts, the dashboard
and the rules share. Sources give parts (`Board`, `Llm`), `sampler.py` makes samples of them, `monitor.py` keeps the
last one and calls the listeners.
"""
