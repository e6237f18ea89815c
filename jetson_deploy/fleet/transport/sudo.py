"""Becoming root on a device: not at all for root, without a password where that works, else with one."""

from __future__ import annotations

import msgspec

from jetson_deploy.fleet.failure import SUDO_REFUSED, DeviceError
from jetson_deploy.fleet.said import last_line
from jetson_deploy.fleet.secret import Secret

WANTS_PASSWORD = ("a password is required", "authentication is required", "a terminal is required", "no tty present")
NOT_ALLOWED = (
    "not in the sudoers file",
    "is not allowed to",
    "may not run sudo",
    "not allowed to execute",
    "i'm sorry",
)
WRONG = ("incorrect password", "sorry, try again", "no password was provided", "authentication failed")


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to ask sudo."""

    password: Secret | None = None

    def words(self, mark: str) -> str:
        """In English, for we read it. -k: a password that sudo remembers would leave ours in the command's input."""
        asked = f"-k -S -p {mark}:" if self.password else "-n"
        return f"env LC_ALL=C.UTF-8 sudo {asked} -- "

    def password_line(self) -> bytes:
        """Only ever written after sudo's own prompt was read."""
        return (self.password.reveal() if self.password else "").encode("utf-8", "surrogateescape") + b"\n"


class Sudo:
    """Of one connection: what was found out is kept."""

    def __init__(self, user: str, password: Secret | None) -> None:
        self._user = user
        self._password = password
        self._with_password = False

    def way(self, root: bool) -> Way | None:
        """None: the login is root's, or root is not wanted."""
        if not root or self._user == "root":
            return None
        return Way(password=self._password if self._with_password else None)

    def refused(self, stderr: bytes, stdout: bytes, status: int, way: Way) -> bool:
        """False: it is worth asking again, with the password. Raises DeviceError `sudo-refused`."""
        said = stderr.decode("utf-8", "replace")
        low = said.lower()
        if "you must have a tty" in low:
            raise refusal(
                "sudo wants a terminal (requiretty)", "on the device, in sudoers: Defaults:USER !requiretty", self._user
            )
        if any(word in low for word in NOT_ALLOWED):
            raise refusal(f"{self._user} may not use sudo", "add USER to the group sudo on the device", self._user)
        if any(word in low for word in WRONG):
            raise self.wrong_password()
        if status == 127 or "not found" in low:
            raise refusal("there is no sudo", "log in as root, or install sudo on the device", self._user)
        if way.password is None and any(word in low for word in WANTS_PASSWORD):
            if self._password is None:
                raise refusal(
                    f"sudo wants the password of {self._user}",
                    "give it with --sudo-password-file, or let sudoers ask USER for none",
                    self._user,
                )
            self._with_password = True
            return False
        raise refusal(f"sudo ended with {status}: {last_line(stderr)}", "try `sudo true` there", self._user)

    def wrong_password(self) -> DeviceError:
        return refusal(f"sudo refuses the password given for {self._user}", "give the one of USER there", self._user)


def refusal(message: str, hint: str, user: str) -> DeviceError:
    return DeviceError(message, hint=hint.replace("USER", user), code=SUDO_REFUSED)
