"""Notice within a minute that the server does not serve, name the cause, and heal it within limits.

`look` observes, `judge` names the fault, `ladder` and `guard` decide: the last three are pure, with the time given.
`act` carries out under the deployment's lock, `watcher` ties them, `loop` keeps the time.

What was stopped on purpose is not fought. The engine starts a container with the policy `always` again itself,
except when it was told to stop it (`docker stop`, `docker kill`): so one that stays `exited` without a start error
was stopped by somebody, whatever its exit code; that is said once, and waited for. `docker pause` is different: it
keeps the port and the memory and serves nobody, so it is undone. While another run holds the lock nothing is judged.
"""
