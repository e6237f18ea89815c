#!/usr/bin/env bash
# asyncssh 2.24.1: `run(timeout=…)` raises TimeoutError and leaves the command running and its session open.
#
# Expected: what gave up on a command ends it, as subprocess.run(timeout=…) kills its child, or at least closes the
# session, so that the connection is as before. Seen: the server's command is never told (neither its input nor its channel
# is closed), and each such run holds one session until the connection ends: with a server that allows ten sessions on
# a connection, as sshd's MaxSessions does unless set, the eleventh run raises ChannelOpenError although none is waited for.
# A run that asyncio.wait_for cancels does the same. So commands are ended by hand: create_process, and close() on timeout.
#
# Server and client are the same package, on loopback. Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install "${ASYNCSSH:-asyncssh==2.24.1}" cryptography==50.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import sys

import asyncssh

SESSIONS = 10


class Commands:
    """The commands that run on the server: each ends when it is told to, by a closed input or channel."""

    def __init__(self):
        self.running = 0

    async def command(self, process):
        self.running += 1
        try:
            await process.stdin.read()
            await process.wait_closed()
        finally:
            self.running -= 1


class Sshd(asyncssh.SSHServer):
    """As sshd with MaxSessions: a connection has at most ten sessions at a time."""

    def __init__(self, commands):
        self.commands = commands

    def begin_auth(self, username):
        return False

    def session_requested(self):
        return self.commands.running < SESSIONS and asyncssh.SSHServerProcess(self.commands.command, None, 3, False)


async def given_up(connection, way):
    """One command that is waited for a tenth of a second: the name of what was raised."""
    try:
        if way == "timeout=":
            await connection.run("long", timeout=0.1)
        elif way == "wait_for":
            await asyncio.wait_for(connection.run("long"), 0.1)
        else:
            async with connection.create_process("long") as process:
                try:
                    await process.wait(timeout=0.1)
                finally:
                    process.close()
    except (asyncssh.Error, asyncio.TimeoutError) as error:
        return type(error).__name__
    return "returned"


async def seen(way):
    """What twelve runs raise, one after the other on one connection, and how many commands are left."""
    commands = Commands()
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(lambda: Sshd(commands), "127.0.0.1", 0, server_host_keys=[key])
    port = server.sockets[0].getsockname()[1]
    async with asyncssh.connect("127.0.0.1", port, known_hosts=None, username="guest", config=None) as connection:
        raised = [await given_up(connection, way) for _ in range(12)]
        left = commands.running
    server.close()
    return {name: raised.count(name) for name in sorted(set(raised))}, left


async def main():
    return {way: await asyncio.wait_for(seen(way), 60) for way in ("timeout=", "wait_for", "closed by hand")}


found = asyncio.run(main())
print("asyncssh", asyncssh.__version__)
for way, (raised, left) in found.items():
    print(f"{way}: raised {raised}, commands left running {left}")
held = ({"ChannelOpenError": 2, "TimeoutError": 10}, 10)
expected = {"timeout=": held, "wait_for": held, "closed by hand": ({"TimeoutError": 12}, 0)}
sys.exit(0 if found == expected else f"changed: expected {expected}")
PYTHON
