"""`jetson-deploy prepare`: from a bare JetPack to a board that serves; each step shown first, and taken back.

host_step.py  HostStep: its check, which names the changes that do and undo it
change.py     what a change is: done and undone any number of times
changes.py    the kinds, of which write_file.py is the one for files, swap_and_power.py those for these
steps/        the steps themselves
edited.py     a configuration file's change, from what lies there; json_text.py inside JSON
placing.py    one foreign file read, judged, replaced whole
model_need.py the memory of the model that it is for
machine.py    the host: a root and the commands that are run
book.py       what was changed, and the originals
after_reboot.py the unit that goes on with what stands behind a reboot
actions.py    what a run does one after the other
run.py        do, undo, recover: by the executor of deployments (`deploy/run/execute.py`)
overview.py   the list that is shown
"""
