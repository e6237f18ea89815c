"""nvpmodel's power mode. Its table is read again only when the mode changes."""

from __future__ import annotations

from jetson_deploy.detect.host import Host
from jetson_deploy.detect.power import power_facts
from jetson_deploy.monitor.board_parts import PowerMode
from jetson_deploy.monitor.sources.sysfs.files import Files
from jetson_deploy.monitor.sources.sysfs.tree import Tree

_STATUS = "var/lib/nvpmodel/status"
_STATUS_BYTES = 256


class ModeReader:
    def __init__(self, tree: Tree) -> None:
        self._root = tree.host.root
        self._status = tree.place(_STATUS)
        self._text = self._status_text(tree.files)
        self._mode = self._look()

    def read(self, files: Files) -> PowerMode:
        text = self._status_text(files)
        if text != self._text:
            self._text, self._mode = text, self._look()
        return self._mode

    def _status_text(self, files: Files) -> bytes | None:
        return files.start(self._status, _STATUS_BYTES)

    def _look(self) -> PowerMode:
        facts = power_facts(Host(self._root))
        return PowerMode(id=facts.mode_id, name=facts.mode, ceiling=facts.ceiling, at_ceiling=facts.at_ceiling)
