"""Many devices over SSH: planned, rolled out in batches, each gated by its own proof.

    device.py        a device and the inventory it stands in, as data
    connection.py    what is asked of a connection to a device
    failure.py       what goes wrong with one device
    end_state.py     how one device ended
    packages.py      what is brought to devices, made once for each kind of them
    bring.py         this very version of the tool onto a device
    tool.py          the tool on a device: a command of it, and its document
    device_hints.py  the tool's hints there, for a user here
    each.py          the same act on many devices at once
    reading/         a device as its own `detect` sees it, before the tool is there
    planning/        what would be done to each device, saved and compared
    job/             one run of the tool on a device, which a lost connection does not end
    deploy.py        one device's part of a rollout
    rollout/         batches, gates and the record of a rollout
    inventory/       which devices there are
    verbs/           the tool's other commands on every device
    transport/       SSH, as connections; opened.py makes it

Nothing here imports asyncssh but `transport/`. A board runs the tool itself (ARCHITECTURE decision 10); what is here
decides, asks and follows.
"""
