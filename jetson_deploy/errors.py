"""What can go wrong, and the exit code a user's script sees.

    JetsonDeployError
    ├── UnhealthyError        1   check failed (unhealthy, drift, alert firing), nothing else was serving
    ├── UsageError            2   flags, configuration
    │   └── CatalogError      2   profiles/ or containers/: file, key, nearest name
    ├── PreflightError        3   the host is not ready: what is missing, and the fix
    ├── NetworkError          4   network: the registry is unknown, refuses or stalls
    ├── IntegrityError        5   a digest does not match
    ├── ResourceError         6   disk or memory, with need and have in numbers
    ├── RolledBackError       7   rolled back: the new revision failed its gates, the old one serves
    ├── NeedsAttentionError   8   needs attention: rolling back failed too
    ├── InternalError        70   our bug
    ├── LockedError          75   the deployment is locked by another run
    └── InterruptedRunError 130   interrupted by Ctrl-C, SIGTERM or SIGHUP; what was kept is named

`message` is one line of cause, `hint` one line of fix. `code` is a stable kebab-case name for
programs (`jetson-deploy.error/1`). Errors are rendered once, in `cli/`.
"""

from __future__ import annotations


class JetsonDeployError(Exception):
    """Root of every expected failure. Not raised itself."""

    exit_code: int = 70

    def __init__(self, message: str, *, hint: str, code: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.details = details
        """Further lines for `-v` and `--json`: rejected candidates, lines of the container's log."""


class UnhealthyError(JetsonDeployError):
    exit_code = 1


class UsageError(JetsonDeployError):
    exit_code = 2


class CatalogError(UsageError):
    exit_code = 2


class PreflightError(JetsonDeployError):
    exit_code = 3


class NetworkError(JetsonDeployError):
    exit_code = 4


class IntegrityError(JetsonDeployError):
    exit_code = 5


class ResourceError(JetsonDeployError):
    exit_code = 6


class RolledBackError(JetsonDeployError):
    exit_code = 7


class NeedsAttentionError(JetsonDeployError):
    exit_code = 8


class InternalError(JetsonDeployError):
    exit_code = 70


class LockedError(JetsonDeployError):
    exit_code = 75


class InterruptedRunError(JetsonDeployError):
    exit_code = 130
