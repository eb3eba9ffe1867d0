"""Which server answers is found out before anything else is asked of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engram_store.errors import ConfigurationError
from io_connectors.engram.address import open_home
from io_connectors.engram.http.client import Server
from io_connectors.engram.public.choices import DeliveryChoices
from io_connectors.engram.public.home import PublicHome
from io_connectors.engram.public.probe import public_version
from io_connectors.secrets import SecretRef
from tests.engram_double.double import EngramDouble
from tests.engram_double.spaces import Quirks
from tests.server.serving import Serving


def test_the_public_server_is_known_by_its_answers(tmp_path: Path) -> None:
    with EngramDouble() as double:
        assert public_version(Server(double.url)) == "0.1.0"
        said: list[str] = []
        choices = DeliveryChoices(str(tmp_path / "staging"), say=said.append)
        home = open_home(f"{double.url}/", create=True, choices=choices)
        assert isinstance(home, PublicHome) and home.address == double.url and home.runs() == []
        assert said == [
            f"{double.url} is an Engram server: the run is staged in {tmp_path / 'staging'}, then delivered"
        ]
        # A verb makes no staging store where there is none.
        with pytest.raises(ConfigurationError, match="not an Engram store"):
            open_home(double.url, choices=DeliveryChoices(str(tmp_path / "nothing")))
        assert double.state.touched == set()


def test_a_wrong_key_of_the_public_server_is_said() -> None:
    with EngramDouble(Quirks(key="secret")) as double:
        with pytest.raises(ConfigurationError, match="does not take the key"):
            public_version(Server(double.url))
        assert public_version(Server(double.url, SecretRef.keep("TARGET_KEY", "secret"))) == "0.1.0"


def test_our_own_server_is_another_one(tmp_path: Path) -> None:
    with Serving(tmp_path / "store", environment={"ENGRAM_MIGRATE_API_KEY": "ours"}) as serving:
        assert public_version(Server(serving.url, SecretRef.keep("TARGET_KEY", "ours"))) is None
        assert public_version(Server(serving.url, SecretRef.keep("TARGET_KEY", "wrong"))) is None
        with pytest.raises(ConfigurationError, match="wants its key"):
            open_home(serving.url)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"service":"other"}'])
def test_a_stranger_is_refused(body: bytes) -> None:
    with _answering(body) as url, pytest.raises(ConfigurationError, match="not one of Engram Migrate"):
        open_home(url)


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("http://engram.example.org:7432", "./engram-staging/engram.example.org_7432"),
        ("https://engram.example.org", "./engram-staging/engram.example.org_443"),
        ("http://[::1]:80", "./engram-staging/--1_80"),
    ],
)
def test_the_staging_store_is_named_after_the_server(url: str, folder: str) -> None:
    assert DeliveryChoices().folder(url) == folder
    assert DeliveryChoices("mine").folder(url) == "mine"


@contextmanager
def _answering(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
