"""Joins standard input and output with a port of this machine's loopback: what qemu's guestfwd starts per connection.

Run as a file by `python -IS`: it starts in a moment, and has nothing of this package.
"""

from __future__ import annotations

import os
import socket
import sys
import threading


def up(far: socket.socket) -> None:
    while data := os.read(0, 65536):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)


def main() -> None:
    far = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    threading.Thread(target=up, args=(far,), daemon=True).start()
    while data := far.recv(65536):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
