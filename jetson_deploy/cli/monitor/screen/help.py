"""Help of the live view: its keys and its words."""

from __future__ import annotations

from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.lines import Line, fitted

_TEXT = """\
p        stand still, and go on; sampling goes on meanwhile
+  -     shorter or longer period
s        sort processes by memory, CPU or GPU memory
h  ?     this help, and back
q        end; so does Ctrl-C

-        unknown: nothing that this user may read tells it
context  tokens of the last or the running request, of what one may take
J/token  energy of the whole board by the tokens made, over the last minute
running  requests being answered; waiting: in the queue behind them
memory   shared by CPU and GPU; the model's share is marked in the bar
temp     the zone nearest to its limit of thermal throttling
oc1 oc2  supply too weak (harmful); oc3: short peaks, harmless on super modes
waits    share of the last 10 s in which work waited for it (PSI)

What holds the model back: jetson-deploy monitor why-slow
Charts in a browser:       jetson-deploy monitor serve
"""


def help_page(frame: Frame, height: int) -> list[Line]:
    lines: list[Line] = [(("jetson-deploy monitor", "bold"),), (), *(((text, ""),) for text in _TEXT.splitlines())]
    lines += [()] * (height - len(lines))
    shown = [fitted(line, frame.width) for line in lines[: max(0, height - 1)]]
    return [*shown, fitted((("h back   q quit", "dim"),), frame.width)][:height]
