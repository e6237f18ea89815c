"""A change brought to many devices in batches, each let through by the devices' own proofs.

    work.py           what is asked of one device: deploy, prove, roll back, take up again
    sequence.py       `rollout:` of fleet.yaml
    amount.py, fields.py, window.py   numbers, fields of a device and hours, as a person writes them
    batches.py        which devices go together: a sequence, or canaries and quarters
    budget.py         may one more device be taken away?
    threshold.py      did a batch succeed?
    lines.py          what a record says
    record.py         the record on disk, and its lock
    kept.py           the records that there are
    story.py          where a rollout stands, read from its record
    summary.py        every device once, with the state it ended in
    begin.py          the first line of a rollout
    control.py        what another shell asks: pause, abort
    run.py            one controller's work
    executor.py, one_batch.py, one_device.py, crew.py   the rollout, its batches, their devices

What decides is pure; what acts is given its clock. The record is read and gone on with by the same way as one begins.
"""
