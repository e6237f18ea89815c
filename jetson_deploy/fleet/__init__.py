"""Many devices over SSH: planned, rolled out in batches, each gated by its own proof.

    device.py        a device and the inventory it stands in, as data
    connection.py    what is asked of a connection to a device
    failure.py       what goes wrong with one device
    end_state.py     how one device ended
    each.py          the same act on many devices at once
    reading/         a device as its own `detect` sees it, before the tool is there

Nothing here imports asyncssh but `transport/`. A board runs the tool itself (ARCHITECTURE decision 10); what is here
decides, asks and follows.
"""
