"""The state of a deployment on disk, and the lock of the run that changes it.

    directory.py, state_file.py   the state directory of one deployment; the form of `state.json`
    journal.py                    the writes of one run
    lock.py, lock_owner.py        one run per deployment and host; the holder of the lock
    records.py, needs.py          all deployments of the host: their records, their needs
    failure_logs.py, redact.py    evidence of failed revisions, without secrets
    actor.py                      who runs this

The containers decide which revision is deployed; a state file that is lost is read back from them
(`deployment/rebuild.py`).
"""
