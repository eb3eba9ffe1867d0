"""Addresses of servers: what they mean, and that a password leaves them."""

from __future__ import annotations

import pickle

import pytest

from engram_store.errors import ConfigurationError
from io_connectors.redis.live.address import RedisAddress, Tls
from io_connectors.secrets import SecretRef


@pytest.mark.parametrize(
    ("source", "display", "user", "db"),
    [
        ("redis://localhost", "redis://localhost:6379", "", None),
        ("redis://reader@cache.example:7000/3", "redis://cache.example:7000", "reader", 3),
        ("rediss://[::1]:6380?db=2", "rediss://[::1]:6380", "", 2),
        ("unix:///run/redis%20one.sock?db=1", "unix:///run/redis one.sock", "", 1),
        ("unix://reader@/run/redis.sock", "unix:///run/redis.sock", "reader", None),
    ],
)
def test_addresses(source: str, display: str, user: str, db: int | None) -> None:
    address = RedisAddress.parse(source)
    assert (address.display, address.user, address.db) == (display, user, db)
    assert address.password is None


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("http://localhost", "it must begin with redis://, rediss:// or unix://"),
        ("localhost:6379", "it must begin with"),
        ("redis://", "it names no host"),
        ("unix://", "it names no socket"),
        ("redis://localhost/three", "`three` is no database"),
        ("redis://localhost:port", "port"),
        ("redis://localhost:99999", "Port out of range"),
    ],
)
def test_what_is_no_address(source: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match="`--source` is not the address") as failed:
        RedisAddress.parse(source)
    assert why in failed.value.why


def test_password_leaves_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENGRAM_MIGRATE_SOURCE_PASSWORD", raising=False)
    address = RedisAddress.parse("redis://:s%40cret@localhost:7000")
    assert address.password is not None and address.password.resolve() == "s@cret"
    assert b"s@cret" not in pickle.dumps(address)
    assert "s@cret" not in repr(address) + address.display


def test_what_was_given_apart_counts_less_for_users_and_more_for_passwords() -> None:
    apart = SecretRef(variable="APART")
    address = RedisAddress.parse("redis://ann:clear@localhost", "bob", apart)
    assert (address.user, address.password) == ("ann", apart)


def test_other_nodes_are_reached_the_same_way() -> None:
    address = RedisAddress.parse("rediss://reader@seed:7000", tls=Tls(ca_file="ca.crt"))
    other = address.at("node", 7001)
    assert other.display == "rediss://node:7001"
    assert (other.user, other.tls) == ("reader", address.tls)
    assert address.at("", 7002).display == "rediss://seed:7002"
    assert RedisAddress.parse("unix:///run/redis.sock").at("node", 7001).display == "redis://node:7001"
