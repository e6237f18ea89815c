"""Execute a plan: stage, cut over, verify, record, prune.

    change.py        the whole run, from staging to the commit
    stage.py         image and model, while the old server goes on serving
    cutover.py       stop the old one, start and verify the new one, roll back on any failure
    execute.py       one step after the other
    step_hooks.py    what happens around each step: its events, and where the fault tests kill the run
    actions.py       the steps' actions, bound to one deployment's runtime, server, store and state
    target.py        the server under question
    verify.py        the checks of the new server; stability.py: whether it still serves a while later
    evidence.py      why a server failed, and the files kept of it
    prune.py         what neither this revision nor the one before needs

Nothing here chooses: the steps and their order are the plan's (`plan/steps.py`).
"""
