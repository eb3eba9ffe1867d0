"""Encrypted connections, with certificates that the test makes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engram_store.errors import ConfigurationError, SourceError
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.live import wire
from io_connectors.redis.live.address import RedisAddress, Tls
from io_connectors.redis.live.keyspace import open_live
from io_connectors.retry import RetryPolicy
from tests.redis.migrations import migrate
from tests.redis.reading import pages_of
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority's, the server's and a client's certificate and key."""
    folder = tmp_path_factory.mktemp("certificates")
    _openssl(folder, "req", "-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("server", "client"):
        _openssl(folder, "req", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signing)
    return folder


def _openssl(folder: Path, verb: str, *flags: str) -> None:
    new = ("-newkey", "rsa:2048", "-nodes") if verb == "req" else ()
    subprocess.run(["openssl", verb, *new, *flags], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def url(certificates: Path) -> Iterator[str]:
    """A server that wants certificates of its clients, with a hundred keys."""
    port = free_port()
    lines = (
        "bind 127.0.0.1 127.0.0.2",
        f"tls-port {port}",
        f"tls-cert-file {certificates}/server.crt",
        f"tls-key-file {certificates}/server.key",
        f"tls-ca-cert-file {certificates}/ca.crt",
    )
    with RedisServer(lines) as server:
        server.client().mset({f"key:{number}": number for number in range(100)})
        yield f"rediss://127.0.0.1:{port}"


def test_server_and_client_show_certificates(url: str, certificates: Path) -> None:
    pages = pages_of(RedisAddress.parse(url, tls=_tls(certificates)))
    assert sum(map(len, pages)) == 100


def test_migration(url: str, certificates: Path, target: Path) -> None:
    tls = _tls(certificates)
    flags = ("--tls-ca-file", tls.ca_file, "--tls-cert-file", tls.cert_file, "--tls-key-file", tls.key_file)
    ended = migrate(target, "--source", url, *flags)
    ended.succeeded()
    assert "100 in the source, 100 written" in ended.out


def test_authority_that_is_not_known(url: str) -> None:
    error = _refusal(url, Tls())
    assert "--tls-ca-file" in error.suggestion


def test_client_without_a_certificate(url: str, certificates: Path) -> None:
    error = _refusal(url, Tls(ca_file=str(certificates / "ca.crt")))
    assert "--tls-cert-file" in error.suggestion


def test_server_of_another_name(url: str, certificates: Path) -> None:
    error = _refusal(url.replace("127.0.0.1", "127.0.0.2"), _tls(certificates))
    assert "127.0.0.2" in error.why


def test_port_without_tls(
    redis_server: RedisServer, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RetryPolicy, "attempts", 1)
    monkeypatch.setattr(wire, "_CONNECT_SECONDS", 0.2)
    error = _refusal(redis_server.url.replace("redis://", "rediss://"), _tls(certificates))
    assert "TLS: `rediss://`" in error.suggestion


def test_file_that_is_not_there(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.crt` failed|cannot be used") as failed:
        _open(url, Tls(ca_file=str(tmp_path / "none.crt")))
    assert "--tls-ca-file" in failed.value.suggestion


def _tls(folder: Path) -> Tls:
    return Tls(*(str(folder / name) for name in ("ca.crt", "client.crt", "client.key")))


def _refusal(url: str, tls: Tls) -> SourceError:
    with pytest.raises(SourceError) as failed:
        _open(url, tls)
    return failed.value


def _open(url: str, tls: Tls) -> None:
    with open_live(RedisAddress.parse(url, tls=tls), Selection(), 10, None):
        pass
