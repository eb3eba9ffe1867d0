"""A proxy between a migration and the server that does what networks and servers in trouble do."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal

Fault = Literal["429", "503", "500", "dropped", "request cut", "answer cut", "answer lost"]

#: All there are, in the order in which ``Often`` uses them.
FAULTS: tuple[Fault, ...] = ("503", "answer lost", "500", "request cut", "429", "answer cut", "dropped")

#: What a request meets: (method, path) → a fault, or None.
Trouble = Callable[[str, str], Fault | None]


class Often:
    """Every third request of those that are meant meets a fault, each in its turn; none more than twice.

    Attributes:
        met: How often each fault was met.
    """

    def __init__(self, meant: Callable[[str, str], bool]) -> None:
        self.met: Counter[Fault] = Counter()
        self._meant = meant
        self._asked = 0
        self._spoilt: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str) -> Fault | None:
        request = f"{method} {path}"
        with self._lock:
            self._asked += self._meant(method, path)
            if not self._meant(method, path) or self._asked % 3 or self._spoilt[request] == 2:
                return None
            self._spoilt[request] += 1
            fault = FAULTS[self.met.total() % len(FAULTS)]
            self.met[fault] += 1
            return fault


class Proxy:
    """Forwards to a server on this machine, unless trouble says otherwise."""

    def __init__(self, port: int, trouble: Trouble) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream, self._server.trouble = port, trouble
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: int
    trouble: Trouble


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self) -> None:
        body = self._body()
        fault = self.server.trouble(self.command, self.path)
        if fault in ("429", "503", "500"):
            self._refuse(int(fault))
            return
        if fault == "dropped":
            self.close_connection = True
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream)
        try:
            self._forward(upstream, body, fault)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            upstream.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def _body(self) -> bytes:
        """The body as it came: in chunks, if it came in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts: list[bytes] = []
        while not parts or parts[-1] != b"\r\n":
            size = self.rfile.readline()
            parts += [size, self.rfile.read(int(size, 16) + 2)]
        return b"".join(parts)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if status != 500:
            self.send_header("Retry-After", "0")
        self.end_headers()

    def _forward(self, upstream: http.client.HTTPConnection, body: bytes, fault: Fault | None) -> None:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders()
        if fault == "request cut":
            upstream.send(body[: len(body) // 2])
            self.close_connection = True
            return
        upstream.send(body)
        answer = upstream.getresponse()
        if fault == "answer lost":
            answer.read()
            self.close_connection = True
        else:
            self._relay(answer, cut=fault == "answer cut")

    def _relay(self, answer: http.client.HTTPResponse, *, cut: bool) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        if cut:
            self.wfile.write(answer.read()[:-5])
            self.close_connection = True
            return
        chunked = answer.getheader("Transfer-Encoding") == "chunked"
        while part := answer.read1():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
