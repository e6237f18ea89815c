"""A TCP proxy in front of the registry that can stall, cut or damage what passes.

It runs as a process of its own inside the engine's network namespace:
`python stalling_proxy.py LISTEN_PORT TARGET_PORT MODE AFTER_BYTES`; MODE is pass, slow, stall, cut, corrupt.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time


def pump(source: socket.socket, target: socket.socket, mode: str, after: int) -> None:
    """Copy; once `after` bytes of the answers have passed, do what the mode says."""
    passed = 0
    try:
        while data := source.recv(16384):
            passed += len(data)
            if passed > after and mode == "stall":
                time.sleep(3600)
            if mode == "slow":
                time.sleep(0.01)
            if passed > after and mode == "cut":
                break
            if passed > after and mode == "corrupt":
                data, mode = data[:-1] + bytes([data[-1] ^ 0xFF]), "pass"
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def main() -> None:
    listen, target, mode, after = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    listener = socket.create_server(("127.0.0.1", listen))
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", target))
        except ConnectionRefusedError:  # a killed registry: the engine's next attempt is cut too, not refused
            client.close()
            continue
        threading.Thread(target=pump, args=(client, server, "pass", 0), daemon=True).start()
        threading.Thread(target=pump, args=(server, client, mode, after), daemon=True).start()


if __name__ == "__main__":
    main()
