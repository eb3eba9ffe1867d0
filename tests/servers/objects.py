"""Object storage for the tests: moto's S3 in a process of its own, on a free loopback port."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from pyarrow import fs

from tests.servers.child import ChildServer
from tests.servers.ports import free_port

#: What moto takes for keys; it looks at none.
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-see",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def upload(server: ObjectServer, url: str, store: Path) -> str:
    """Puts a store's files below an address, as they are; gives the address."""
    files, base = server.files(), path_of(url)
    for path in store.rglob("*"):
        if path.is_file() and path.name != "LOCK":
            name = path.relative_to(store).as_posix()
            with files.open_output_stream(f"{base}/{name}", compression=None) as stream:
                stream.write(path.read_bytes())
    return url


def path_of(url: str) -> str:
    """Bucket and prefix of an address, as a file system takes them."""
    return url.partition("://")[2].partition("?")[0]


class ObjectServer(ChildServer):
    """An S3 server that keeps its objects in memory."""

    def __init__(self) -> None:
        if importlib.util.find_spec("moto") is None:
            raise LookupError("no moto; pip install 'moto[server]'")
        super().__init__("Objects", start_seconds=60)
        self.port = free_port()

    def url(self, bucket: str, prefix: str = "store", port: int | None = None) -> str:
        """The address of a prefix, as ``--target`` takes it; through another port, if one is given."""
        return f"s3://{bucket}/{prefix}?endpoint_override=127.0.0.1:{port or self.port}&scheme=http"

    def files(self) -> fs.S3FileSystem:
        """The server as a file system."""
        return fs.S3FileSystem(
            access_key=KEYS["AWS_ACCESS_KEY_ID"],
            secret_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            endpoint_override=f"127.0.0.1:{self.port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )

    def _command(self) -> Sequence[str]:
        return (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port))

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
