"""A change brought to many devices in batches, each let through by the devices' own proofs.

    work.py   what is asked of one device: deploy, prove, roll back, take up again

What decides is pure; what acts is given its clock.
"""
