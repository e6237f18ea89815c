"""One run of the tool on a device, in a unit of the device's own: a lost connection loses the view alone.

    folder.py      the unit's folder there, and what its files hold
    event_file.py  there: the events, each with a counter, a boot id and the time since the boot
    runner.py      there: runs the command, keeps its events and its result
    board.py       here: starts it, asks for it, follows it; shell text in scripts.py
    link.py        here: the connection, and when a lost one is given up
    event_log.py   here: the lines as they come, each event once
    follow.py      here: to its end, over lost connections
    unit_run.py    here: started once, followed, and how the device ended by it
    ending.py      here: what its result says of the device; record.py: where there is none, the device's own record
    not_ended.py   here: what a device is that could not be reached, begun or asked to its end

A unit ends once. Whoever starts it again is answered with what it is, or was.
"""
