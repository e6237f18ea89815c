"""Notice within a minute that the server does not serve, name the cause, and heal it within limits.

    probe.py, asking.py, processes.py, free_memory.py  observe: runtime, server, processes, memory
    observation.py                                 one observation, as data
    judge.py                                       the fault that it shows; cause.py: the known issue behind it
    escalation.py                                  what to do about it, gentlest first, within a limit
    guard.py, memory_guard.py                      unload the model before the OOM killer must choose
    actions.py, child.py                           do it under the deployment's lock; recover and roll back apart
    audit_log.py                                   what was done, into the history
    watcher.py, watch.py                           tie them; keep going until the end
    install.py                                     the systemd units

`judge`, `escalation` and `guard` are pure, with the time given.

What was stopped on purpose is not fought. The engine starts a container with the policy `always` again itself,
except when it was asked to stop it (`docker stop`, `docker kill`): so one that stays `exited` without a start error
was stopped on purpose, whatever its exit code; that is said once, and waited for. `docker pause` is different: it
keeps the port and the memory and serves no request, so it is undone. While another run holds the lock nothing is
judged.
"""
