#!/usr/bin/env bash
# asyncssh 2.24.1: `run(check=True)` returns normally when the connection is lost while the command runs.
#
# Expected: what asks for a check gets an exception when it is unknown how the command ended; `asyncssh.ProcessError` is
# raised for exit code 1 and for a signal. Seen: the connection is cut in the middle, and the call returns a result
# whose exit_status, exit_signal and returncode are all None, with the output that had come until then;
# `create_process` and `wait(check=True)` do the same. So success is `exit_status == 0`, never "no exception".
#
# Server and client are the same package, on loopback; the server drops its connection as a board whose power goes.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install "${ASYNCSSH:-asyncssh==2.24.1}" cryptography==50.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import sys

import asyncssh


async def command(process):
    process.stdout.write("half of it\n")
    if process.command == "exit 1":
        process.exit(1)
        return
    await process.stdout.drain()
    await asyncio.sleep(0.2)
    process.get_extra_info("connection").abort()


class Open(asyncssh.SSHServer):
    def begin_auth(self, username):
        return False


async def seen(connect, words):
    """What `run(check=True)` and `wait(check=True)` answer: the exception's name, or what is in the result."""
    answers = []
    for way in ("run", "wait"):
        try:
            async with connect() as connection:
                if way == "run":
                    result = await connection.run(words, check=True)
                else:
                    process = await connection.create_process(words)
                    result = await process.wait(check=True)
            answers.append((result.exit_status, result.exit_signal, result.returncode, result.stdout))
        except asyncssh.Error as error:
            answers.append(type(error).__name__)
    return answers


async def main():
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        Open, "127.0.0.1", 0, server_host_keys=[key], process_factory=command
    )
    port = server.sockets[0].getsockname()[1]

    def connect():
        return asyncssh.connect("127.0.0.1", port, known_hosts=None, username="guest", config=None)

    found = {words: await asyncio.wait_for(seen(connect, words), 30) for words in ("exit 1", "is cut off")}
    server.close()
    return found


found = asyncio.run(main())
print("asyncssh", asyncssh.__version__)
for words, answers in found.items():
    print(f"{words}: run {answers[0]}, wait {answers[1]}")
nothing = (None, None, None, "half of it\n")
expected = {"exit 1": ["ProcessError", "ProcessError"], "is cut off": [nothing, nothing]}
sys.exit(0 if found == expected else f"changed: expected {expected}")
PYTHON
