"""What anybody would write with asyncssh: log in everywhere at once, run one command, print how it ended.

benches/fleet.py starts it: FILE is JSON with addresses, key, known_hosts, command and input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh


async def one(address: str, asked: dict[str, Any]) -> str:
    options = {"username": "root", "client_keys": [asked["key"]], "known_hosts": asked["known_hosts"], "config": None}
    async with asyncssh.connect(address, **options) as connection:
        done = await connection.run(asked["command"], input=asked["input"], errors="replace")
    return f"{address} {done.exit_status} {len(str(done.stdout))}"


async def main() -> int:
    asked = json.loads(Path(sys.argv[1]).read_text())
    rows = await asyncio.gather(*(one(address, asked) for address in asked["addresses"]))
    print("\n".join(rows))
    return 0 if all(row.split()[1] == "0" for row in rows) else 1


sys.exit(asyncio.run(main()))
