"""From ``--target`` to the home of the runs: a folder, or a server that a probe tells apart."""

from __future__ import annotations

import os

from io_connectors.engram.embedded import EmbeddedHome
from io_connectors.engram.home import RunHome
from io_connectors.engram.http.client import Server
from io_connectors.engram.http.home import HttpHome, server_at
from io_connectors.engram.http.run import HttpRun
from io_connectors.engram.public.choices import DeliveryChoices
from io_connectors.engram.public.client import PublicServer
from io_connectors.engram.public.home import PublicHome
from io_connectors.engram.public.probe import public_version
from io_connectors.secrets import SecretRef


def open_home(
    target: str,
    key: SecretRef | None = None,
    *,
    create: bool = False,
    choices: DeliveryChoices = DeliveryChoices(),  # noqa: B008  # it is frozen
) -> RunHome:
    """Opens a target.

    Args:
        target: A folder, or the address of a server.
        key: The server's key.
        create: Make the store if the folder is empty or not there.
        choices: How to deliver, if a public Engram server answers.

    Raises:
        ConfigurationError: There is no store, or no server that we know.
        TargetTransientError: The server does not answer.
        TargetTerminalError: The folder may not be written or the disk is full.
    """
    if is_url(target):
        server = server_at(target, key)
        version = public_version(server)
        if version is None:
            return HttpHome.open(server)
        return _public_home(server, version, choices, create=create)
    home = EmbeddedHome.open(target, create=create)
    home.address = target
    return home


def _public_home(server: Server, version: str, choices: DeliveryChoices, *, create: bool) -> PublicHome:
    folder = choices.folder(server.url)
    staging = EmbeddedHome.open(folder, create=create)
    if create:
        choices.say(f"{server.url} is an Engram server: the run is staged in {folder}, then delivered")
    return PublicHome(staging, PublicServer(server), version, choices)


def place_of(target: str, run_id: str, name: str) -> str:
    """Where a person finds a part of a run, such as ``report.json``."""
    if is_url(target):
        return HttpRun(Server(target.rstrip("/")), run_id, {}).place(name)
    return os.path.join(target, "runs", run_id, name)


def is_url(target: str) -> bool:
    """Whether a target is a server's address rather than a folder."""
    return target.lower().startswith(("http://", "https://"))
