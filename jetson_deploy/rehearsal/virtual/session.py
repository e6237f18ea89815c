"""`rehearse --virtual`: a rehearsal's session whose board is a virtual one."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jetson_deploy.events import Note, Reporter
from jetson_deploy.rehearsal.virtual.install_tool import install_sent, send_tool
from jetson_deploy.rehearsal.virtual.run import VirtualRun


class VirtualSession:
    """`start`, `fill`, `run`…, `stop`; `stop` is right after any of them."""

    store = Path("/srv/jetson-deploy-store")
    """On the board."""

    def __init__(self, board: str, report: Reporter) -> None:
        self.board, self._report = board, report
        self._run = VirtualRun(board=board, report=report)

    @property
    def words(self) -> str:
        return self._run.words

    def start(self) -> None:
        """Boots, with the tool. Raises PreflightError, NetworkError; nothing is left then."""
        self._run.start()
        try:
            self._report(Note(level="info", text="installing this version of the tool there, offline"))
            install_sent(self._run.machines[0], send_tool(self._run.machines[0], self._report))
        except BaseException:
            self.stop()
            raise

    def fill(self, model: str | None, report: Reporter) -> None:
        del report  # the run has it
        self._run.fill(model)

    def run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """A command of the product on the board."""
        argv = self._run.machines[0].shell.command(self._run.tool_line(*arguments))
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=capture, text=True, check=False)

    def stop(self) -> None:
        self._run.stop()
