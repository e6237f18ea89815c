"""A process that holds a deployment's lock until it is killed or its standard input ends.

`python lock_holder.py DIRECTORY VERB UID|- [--wait]` prints `held`, what it reports, or the message of its error.
"""

from __future__ import annotations

import ipaddress  # before the user changes: another one may not read this Python
import os
import pwd
import sys
from pathlib import Path

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Event, Note
from jetson_deploy.state.lock import deployment_lock

assert ipaddress and pwd


def tell(event: Event) -> None:
    if isinstance(event, Note):
        print(f"note: {event.text}", flush=True)


def main() -> int:
    directory, verb, uid, *options = sys.argv[1:]
    if uid != "-":
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    try:
        with deployment_lock(Path(directory), "default", command=verb, wait="--wait" in options, report=tell):
            print("held", flush=True)
            sys.stdin.read()
    except JetsonDeployError as error:
        print(f"{error.exit_code} {error.message}", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
