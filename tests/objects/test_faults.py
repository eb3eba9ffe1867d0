"""What a storage refuses, as errors that say what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engram_store.errors import (
    ConfigurationError,
    IntegrityError,
    MigrationError,
    TargetTerminalError,
    TargetTransientError,
)
from io_connectors.engram.address import open_home
from io_connectors.engram.objects.bucket import Bucket
from io_connectors.engram.objects.location import Location
from io_connectors.engram.public.choices import DeliveryChoices
from io_connectors.retry import ONCE
from tests.servers.objects import KEYS, ObjectServer, path_of


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], str]]:
    """A server that refuses everything in one way; gives the address of a store on it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def refuse(status: int, code: str) -> str:
        _Refusing.refusal = status, code
        return f"s3://bucket/store?endpoint_override=127.0.0.1:{server.server_address[1]}&scheme=http"

    yield refuse
    server.shutdown()
    server.server_close()


class _Refusing(BaseHTTPRequestHandler):
    refusal = 403, "AccessDenied"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, code = self.refusal
        body = f"<Error><Code>{code}</Code><Message>so it is</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, "AccessDenied", TargetTerminalError, "refuses access"),
        (403, "InvalidAccessKeyId", TargetTerminalError, "refuses access"),
        (301, "PermanentRedirect", ConfigurationError, "in another region"),
        (404, "NoSuchBucket", ConfigurationError, "there is no bucket"),
        (503, "SlowDown", TargetTransientError, "cannot be reached"),
    ],
)
def test_a_refusal_is_told(
    refusing: Callable[[int, str], str], status: int, code: str, kind: type[MigrationError], words: str
) -> None:
    with pytest.raises(kind, match=words) as refused:
        Bucket(Location.parse(refusing(status, code)), ONCE)
    assert refused.value.suggestion and refused.value.example
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in str(refused.value)


def test_nobody_at_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TargetTransientError, match="cannot be reached"):
        Bucket(Location.parse("s3://bucket/store?endpoint_override=127.0.0.1:1&scheme=http"), ONCE)


def test_there_is_no_bucket(object_server: ObjectServer, bucket_url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no bucket"):
        open_home(object_server.url("no-such-bucket"), create=True)


def test_there_is_no_store(object_server: ObjectServer, bucket_url: str, tmp_path: Path) -> None:
    choices = DeliveryChoices(str(tmp_path / "mirror"))
    with pytest.raises(ConfigurationError, match="is no Engram store"):
        open_home(bucket_url, choices=choices)
    with object_server.files().open_output_stream(f"{path_of(bucket_url)}/holiday.jpg") as stream:
        stream.write(b"sun")
    with pytest.raises(ConfigurationError, match="is no Engram store"):
        open_home(bucket_url, create=True, choices=choices)


def test_a_folder_with_something_else_is_no_mirror(
    object_server: ObjectServer, bucket_url: str, tmp_path: Path
) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(ConfigurationError, match="is no mirror"):
        open_home(bucket_url, create=True, choices=DeliveryChoices(str(tmp_path)))
    mirror = DeliveryChoices(str(tmp_path / "mirror"))
    open_home(bucket_url, create=True, choices=mirror)
    with pytest.raises(ConfigurationError, match="is no mirror"):
        open_home(bucket_url.replace("/store?", "/another?"), create=True, choices=mirror)
    assert (tmp_path / "letter.txt").read_text() == "keep me"


@pytest.mark.parametrize("name", ["runs/../../x", "runs//x"])
def test_an_object_cannot_lead_out_of_the_mirror(
    bucket_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether a server lets such a name be is its own affair; here the list has it.
    bucket = Bucket(Location.parse(bucket_url))

    class Info:
        path, is_file, size, mtime_ns = f"{path_of(bucket_url)}/{name}", True, 1, 1

    monkeypatch.setattr(bucket, "_select", lambda folder, recursive: [Info])
    with pytest.raises(IntegrityError, match="no file of a store"):
        bucket.objects("runs")
