"""Ports for the servers of the tests."""

from __future__ import annotations

import random
import socket

#: Below Linux's range for outgoing connections: a client that retries while the server is down
#: could else be given the server's port for its own end, and meet itself.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError(f"no free port in {_PORTS}")
