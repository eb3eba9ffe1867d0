"""Who may ask, from where, how much, and how many at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import orjson
import pytest

from engram_store.errors import (
    ConfigurationError,
    TargetTerminalError,
    TargetTransientError,
)
from engram_store.server.requests import LARGE
from engram_store.server.runs import PAGES_AT_ONCE
from engram_store.server.serve import Listening
from io_connectors.engram.address import open_home
from io_connectors.engram.http.client import Server
from io_connectors.retry import retrying
from io_connectors.secrets import SecretRef
from tests.pipelines.command import REPOSITORY, run, until, verb
from tests.server.mapped import mapped, packed
from tests.server.serving import Serving

KEY = "s3cret-of-the-tests"
PAGES = "/api/v1/engram/runs/first/pages"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that wants a key."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "key.txt").write_text(f"{KEY}\n")
    with Serving(folder / "store", "--host", "0.0.0.0", "--api-key-file", str(folder / "key.txt")) as server:
        yield server


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {KEY}"}])
@pytest.mark.parametrize("path", ["/api/v1/spaces", "/api/v1/engram", "/metrics/prometheus", "/nothing"])
def test_without_the_key_nothing_is_told(locked: Serving, path: str, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{locked.url}{path}", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert KEY not in answer.text


def test_health_and_the_page_need_no_key(locked: Serving) -> None:
    for path in ("/health", "/health/alive", "/"):
        assert httpx.get(f"{locked.url}{path}", trust_env=False).status_code == 200


def test_the_key_opens(locked: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    assert open_home(locked.url, SecretRef(path=str(file))).runs() == []
    verb("spaces", "--target", locked.url, "--target-key-file", str(file)).succeeded()
    verb("spaces", "--target", locked.url, environment={"ENGRAM_MIGRATE_TARGET_KEY": KEY}).succeeded()
    (tmp_path / "wrong").write_text("ü")
    verb("spaces", "--target", locked.url, "--target-key-file", str(tmp_path / "wrong")).failed(2, "header")
    verb("spaces", "--target", locked.url).failed(2, "key", "ENGRAM_MIGRATE_TARGET_KEY")
    # Names do not matter where there is a key.
    headers = {"Authorization": f"bearer {KEY}", "Host": "engram.example"}
    assert httpx.get(f"{locked.url}/api/v1/spaces", headers=headers, trust_env=False).status_code == 200


def test_other_addresses_need_a_key(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "engram.example"):
        with pytest.raises(ConfigurationError, match="no key"):
            Listening(host).check()
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        Listening(host).check()
    Listening("0.0.0.0", key=KEY).check()
    refused = run("pipelines", "serve", str(tmp_path / "store"), "--host", "0.0.0.0")
    refused.failed(2, "no key", "--api-key-file")
    assert not (tmp_path / "store").exists()


def test_an_empty_or_missing_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two lines").write_text("a\nb\n")
    for file in ("empty", "two lines", "missing"):
        ended = run("pipelines", "serve", str(tmp_path / "store"), "--api-key-file", str(tmp_path / file))
        assert ended.code == 2 and "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [
        ("starlette", ["serve", "store"], "engram-migrate[server]"),
        ("httpx", ["runs", "--target", "http://127.0.0.1:1"], "engram-migrate[http]"),
    ],
)
def test_a_missing_package_is_said(tmp_path: Path, missing: str, command: list[str], extra: str) -> None:
    script = (
        f"import sys; sys.modules[{missing!r}] = None; from pipelines.__main__ import main; sys.exit(main())"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert extra in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said(tmp_path: Path, shared: Serving) -> None:
    ended = run("pipelines", "serve", str(tmp_path / "store"), "--port", str(shared.port))
    ended.failed(4, "cannot listen", "--port")


def test_a_store_is_served_once(shared: Serving) -> None:
    run("pipelines", "serve", str(shared.store), "--port", "1").failed(4, "in use by process")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]:80", ""]
)
def test_without_a_key_only_this_machine_is_answered(shared: Serving, host: str) -> None:
    answer = httpx.get(f"{shared.url}/health", headers={"Host": host}, trust_env=False)
    assert answer.status_code == 403
    for good in ("localhost", f"localhost:{shared.port}", "[::1]:80", "127.0.0.1"):
        headers = {"Host": good}
        assert httpx.get(f"{shared.url}/health", headers=headers, trust_env=False).status_code == 200


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(shared: Serving) -> None:
    request = f"PUT {PAGES}/p HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {LARGE + 1}\r\n\r\n".encode()
    httpx.put(f"{shared.url}/api/v1/engram/runs/first", json={"model": "local/lexical-1"}, trust_env=False)
    with socket.create_connection(("127.0.0.1", shared.port), timeout=30) as connection:
        connection.sendall(request)
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_of_unsaid_length_is_counted(client: httpx.Client) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * (1 << 20)

    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/v1/memories/remember", content=parts(), headers=headers)
    assert answer.status_code == 413


def test_a_target_that_refuses_a_size_says_so(shared: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="larger than"):
        Server(shared.url).request("POST", "/api/v1/spaces", json={"id": "x" * (2 << 20)})


def test_more_pages_than_are_allowed_at_once_are_told_to_wait(serving: Serving) -> None:
    open_home(serving.url).create_run("first", {"model": "local/lexical-1"})
    begun = f"PUT {PAGES}/p HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nbegun".encode()
    address = f"{serving.url}{PAGES}/p"
    with ExitStack() as slow:
        for _ in range(PAGES_AT_ONCE):
            slow.enter_context(socket.create_connection(("127.0.0.1", serving.port))).sendall(begun)
        until(lambda: _figure(serving, "engram_page_writes") == PAGES_AT_ONCE)
        answer = httpx.put(address, content=packed(), trust_env=False)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        # Looking goes on meanwhile.
        assert httpx.get(f"{serving.url}/api/v1/spaces", trust_env=False).status_code == 200
    until(lambda: _figure(serving, "engram_page_writes") == 0)
    assert httpx.put(address, content=packed(), trust_env=False).status_code == 200


def _figure(serving: Serving, name: str) -> float:
    lines = httpx.get(f"{serving.url}/metrics/prometheus", trust_env=False).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_one_process_sends_at_most_ten_pages_at_once(serving: Serving) -> None:
    home = open_home(serving.url)
    run_ = home.create_run("first", {"model": "local/lexical-1"})
    target = home.target("first", "float16").open()
    ids = [f"p{number:02}" for number in range(40)]
    with ThreadPoolExecutor(25) as pool:
        list(pool.map(lambda page_id: retrying(lambda: target.write(mapped(page_id, [page_id]))), ids))
    assert run_.page_ids() == set(ids)
    figures = httpx.get(f"{serving.url}/metrics/prometheus", trust_env=False).text
    assert 'status="429"' not in figures


def test_a_server_ends_and_comes_back_though_a_migration_holds_it(serving: Serving) -> None:
    def held() -> bool:
        try:
            with open_home(serving.url).lock():
                return False
        except TargetTransientError:
            return True

    home = open_home(serving.url)
    with home.lock():
        assert held()
        assert serving.end().code == 0
        serving.start()
        until(held)
        home.create_run("first", {"model": "local/lexical-1"})
    assert not held()


def test_another_server_is_told_apart(tmp_path: Path) -> None:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Other(BaseHTTPRequestHandler):
        status, body = 404, b""

        def do_GET(self) -> None:
            self.send_response(self.status)
            self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with pytest.raises(ConfigurationError, match="not one of Engram Migrate"):
        open_home(url)
    Other.status, Other.body = 200, b"<html>"
    with pytest.raises(TargetTerminalError, match="does not answer as"):
        open_home(url)
    Other.body = orjson.dumps({"server": "engram-migrate", "version": "9", "api": 2})
    with pytest.raises(ConfigurationError, match="speaks version 2"):
        open_home(url)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("url", ["http://", "http://u:secret@h:1", "http://h:x", "http://h/?key=secret"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_home(url)
    assert "secret" not in str(caught.value)
