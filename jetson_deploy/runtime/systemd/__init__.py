"""systemd as the runtime of a deployment: each instance is a unit of its own, with its record in a file beside it.

instance.py   the record: what labels, name and restart policy are in Docker
unit.py       the unit's text, from a spec; `edited.py` finds what was changed in it since
runtime.py    `Runtime` over both
programs.py   the programs that an instance runs: an installed Ollama that is kept, or an archive's, fetched or not
foreign.py    an `ollama.service` that was here before: it is held, and given back
state.py      what systemd says of a unit
journal.py    the log
wire.py       systemctl and journalctl
"""
