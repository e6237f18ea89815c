"""A figure → one HTML file: uPlot, the data and the page's own script stand in it; it needs no network."""

from __future__ import annotations

import html
from pathlib import Path

import msgspec

from jetson_deploy import monitor
from jetson_deploy.monitor.plot.figure import Figure

_PAGE = Path(__file__).parent / "page"
_UPLOT = Path(monitor.__file__).parent / "serve" / "page"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def html_bytes(figure: Figure) -> bytes:
    """What was recorded may hold anything: it stands as data that no parser of HTML sees an end in."""
    style = _text(_UPLOT / "uplot.css") + _text(_PAGE / "plot.css")
    title = html.escape(figure.title)
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p id="about"></p>
<noscript><p>The charts need JavaScript.</p></noscript>
<main id="panels"></main>
<section id="marks" hidden><h2>What happened</h2><ol></ol></section>
<script type="application/json" id="figure">{embedded(figure)}</script>
<script>{_text(_UPLOT / "uplot.js")}</script>
<script>{_text(_PAGE / "plot.js")}</script>
</body>
</html>
"""
    return page.encode()


def embedded(figure: Figure) -> str:
    """JSON in which no sign ends or begins anything of HTML."""
    text = msgspec.json.encode(figure).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
