"""A board whose SSH session is killed just before, or just behind, one command that a controller runs there."""

from __future__ import annotations

from typing import Literal

from board_faults import Board

Side = Literal["before", "behind"]
# bash reads it for every command over SSH; its parent is the sshd of that connection.
_BASHRC = r"""
kinds='jd-(ask|start|follow|tool)|sh -s --|python3'
name=$(printf %s "$BASH_EXECUTION_STRING" | tr '\n' ' ' | grep -oE "$kinds" | head -n 1)
printf '%s\n' "${name:-other}" >>/run/commands
if [ "$(cat /run/cut-before 2>/dev/null)" = "$name" ]; then
  rm /run/cut-before; touch /run/was-cut; kill -9 $PPID; sleep 5; exit 1
fi
if [ "$(cat /run/cut-behind 2>/dev/null)" = "$name" ]; then
  rm /run/cut-behind; touch /run/was-cut
  setsid sh -c "while kill -0 $$ 2>/dev/null; do sleep 0.01; done; kill -9 $PPID" </dev/null >/dev/null 2>&1 &
fi
"""


class Cutting:
    def __init__(self, board: Board) -> None:
        self._board = board
        board.sh("cat >/root/.bashrc", _BASHRC)

    def watch(self) -> None:
        self._board.sh("rm -f /run/cut-* /run/was-cut; : >/run/commands")

    def cut(self, side: Side, name: str) -> None:
        """At the next command of this kind."""
        self.watch()
        self._board.sh(f"printf %s '{name}' >/run/cut-{side}")

    def seen(self) -> list[str]:
        """Kinds of the commands since, in their order."""
        return list(dict.fromkeys(self._board.sh("cat /run/commands").splitlines()))

    def was_cut(self) -> bool:
        return self._board.sh("ls /run/was-cut 2>/dev/null || true") != ""

    def end(self) -> None:
        self._board.sh(": >/root/.bashrc")
