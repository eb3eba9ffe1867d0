"""From ``--target`` to the home of the runs: a folder, object storage, or a server that is probed."""

from __future__ import annotations

import os
from pathlib import Path

from io_connectors.engram.embedded import EmbeddedHome
from io_connectors.engram.home import RunHome
from io_connectors.engram.http.client import Server
from io_connectors.engram.http.home import HttpHome, server_at
from io_connectors.engram.http.run import HttpRun
from io_connectors.engram.objects.bucket import Bucket
from io_connectors.engram.objects.home import ObjectHome
from io_connectors.engram.objects.location import Location, is_object_url
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
        target: A folder, or the address of object storage or of a server.
        key: The server's key.
        create: Make the store if the folder is empty or not there.
        choices: How to deliver, if a public Engram server answers; and where object storage is mirrored.

    Raises:
        ConfigurationError: There is no store, or no server that we know.
        TargetTransientError: The server does not answer.
        TargetTerminalError: The folder may not be written or the disk is full.
    """
    if is_object_url(target):
        return _object_home(Location.parse(target), choices, create=create)
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


def _object_home(location: Location, choices: DeliveryChoices, *, create: bool) -> ObjectHome:
    folder = Path(choices.staging or location.folder)
    home = ObjectHome.open(Bucket(location), folder, create=create)
    if create:
        choices.say(f"{location.shown} is object storage: {folder} mirrors it")
    return home


def place_of(target: str, run_id: str, name: str) -> str:
    """Where a person finds a part of a run, such as ``report.json``."""
    if is_object_url(target):
        return f"{Location.parse(target).shown}/runs/{run_id}/{name}"
    if is_url(target):
        return HttpRun(Server(target.rstrip("/")), run_id, {}).place(name)
    return os.path.join(target, "runs", run_id, name)


def is_url(target: str) -> bool:
    """Whether a target is an address rather than a folder."""
    return target.lower().startswith(("http://", "https://")) or is_object_url(target)
