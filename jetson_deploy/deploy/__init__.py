"""The commands that act on a deployment or look at one; `cli/` parses their options and prints what they return.

    up.py, rollback.py      a plan, and its run
    down.py, purge.py       remove what is ours
    recover.py              finish or undo what an interrupted run left
    status.py, history.py   what serves, and what is on record
    drift.py, store_drift.py  what differs from what was deployed
    survey.py               the facts of the host, as a plan needs them
    model_list.py           the models of a store, and whether they fit the board
    in_use.py               whether what serves is asked for, before it is replaced
    outcome.py              what `up` and `rollback` return
    pasted/                 what a log or an error that a person pasted shows
    run/                    how a plan is carried out

What is decided stands in `plan/`, what a deployment is in `deployment/`, what is kept on disk in `state/`.
"""
