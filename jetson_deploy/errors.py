"""The errors, and the exit code that a user's script gets.

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
    ├── FleetError            9   fleet: some devices are not as wanted
    ├── InternalError        70   our bug
    ├── LockedError          75   the deployment is locked by another run, or in use (up --when-idle)
    └── InterruptedRunError 130   interrupted by Ctrl-C, SIGTERM or SIGHUP; what was kept is named

`message` is one line of cause, `hint` one line of fix. `code` is a stable kebab-case name for
programs (`jetson-deploy.error/1`). Errors are rendered once, in `cli/`.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

AnError = TypeVar("AnError", bound="JetsonDeployError")


class JetsonDeployError(Exception):
    """Root of every expected failure. Not raised itself. What it says cannot be altered while it travels."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str, code: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self._message, self._hint, self._code, self._details = message, hint, code, details

    @property
    def message(self) -> str:
        return self._message

    @property
    def hint(self) -> str:
        return self._hint

    @property
    def code(self) -> str:
        return self._code

    @property
    def details(self) -> tuple[str, ...]:
        """Further lines for `-v` and `--json`: rejected candidates, lines of the container's log."""
        return self._details

    def with_context(
        self: AnError, *, message: str | None = None, hint: str | None = None, details: tuple[str, ...] = ()
    ) -> AnError:
        """A new error of the same class and code, with this one as its cause; `details` follow this one's."""
        new = type(self)(
            self.message if message is None else message,
            hint=self.hint if hint is None else hint,
            code=self.code,
            details=(*self.details, *details),
        )
        new.__cause__ = self
        return new


class UnhealthyError(JetsonDeployError):
    exit_code: ClassVar[int] = 1


class UsageError(JetsonDeployError):
    exit_code: ClassVar[int] = 2


class CatalogError(UsageError):
    exit_code: ClassVar[int] = 2


class PreflightError(JetsonDeployError):
    exit_code: ClassVar[int] = 3


class NetworkError(JetsonDeployError):
    exit_code: ClassVar[int] = 4


class IntegrityError(JetsonDeployError):
    exit_code: ClassVar[int] = 5


class ResourceError(JetsonDeployError):
    exit_code: ClassVar[int] = 6


class RolledBackError(JetsonDeployError):
    exit_code: ClassVar[int] = 7


class NeedsAttentionError(JetsonDeployError):
    exit_code: ClassVar[int] = 8


class FleetError(JetsonDeployError):
    exit_code: ClassVar[int] = 9


class InternalError(JetsonDeployError):
    exit_code: ClassVar[int] = 70


class LockedError(JetsonDeployError):
    exit_code: ClassVar[int] = 75


class InterruptedRunError(JetsonDeployError):
    exit_code: ClassVar[int] = 130


def error_class(exit_code: int) -> type[JetsonDeployError]:
    """The error of another process again, by what it exited with."""
    return next((kind for kind in JetsonDeployError.__subclasses__() if kind.exit_code == exit_code), InternalError)
