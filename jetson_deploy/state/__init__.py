"""What is remembered of a deployment on disk, and who may change it.

    directory.py, state_file.py   the state directory of one deployment; the form of `state.json`
    journal.py                    what one run writes, and when
    lock.py, lock_owner.py        one run per deployment and host; who has the lock
    records.py, needs.py          all deployments of the host: what they have on record, what they need
    failure_logs.py, redact.py    evidence of failed revisions, without secrets
    actor.py                      who runs this

The containers decide which revision is deployed; a state file that is lost is read back from them
(`deployment/rebuild.py`).
"""
