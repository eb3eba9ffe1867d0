"""Look-ups by connections that are kept open: right answers, whatever happens to a connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from engram_store.errors import ConfigurationError, TargetTransientError
from engram_store.store import Store
from io_connectors.engram.http.client import Server
from io_connectors.engram.http.reader import HttpReader
from io_connectors.secrets import SecretRef
from tests.corruption import made
from tests.server.proxy import FAULTS, Often, Proxy
from tests.server.serving import Serving

_IDS = [f"users_{number}" for number in range(made.ROWS)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    store = tmp_path_factory.mktemp("lookups") / "store"
    made.make(store)
    with Serving(store) as serving:
        yield serving


def asked(reader: HttpReader) -> list[object]:
    """One look-up of each kind."""
    return [
        [reader.get("users", id) is not None for id in _IDS],
        reader.get("users", "nobody"),
        reader.edges("users", "users_1", "both"),
        [near.memory.id for near in reader.neighbours("users", "users_1")],
        [memory.id for memory in reader.page("posts", 10, 5)],
    ]


def test_they_are_as_in_the_store(served: Serving) -> None:
    with Store.open(served.store).reader() as own:
        at = own.get("users", "users_1")
        assert at is not None
        found = HttpReader(Server(served.url)).get("users", "users_1")
        assert found is not None and found._replace(activation=at.activation) == at
        assert asked(HttpReader(Server(served.url))) == [
            [True] * made.ROWS,
            None,
            own.edges("users", "users_1", "both"),
            [near.memory.id for near in own.neighbours("users", "users_1")],
            [memory.id for memory in own.page("posts", 10, 5)],
        ]


def test_a_network_in_trouble(served: Serving) -> None:
    wanted = asked(HttpReader(Server(served.url)))
    trouble = Often(lambda method, path: method == "GET")
    with Proxy(served.port, trouble) as proxy:
        assert asked(HttpReader(Server(proxy.url))) == wanted
    assert set(trouble.met) == set(FAULTS)


def test_threads_have_connections_of_their_own(served: Serving) -> None:
    reader, found = HttpReader(Server(served.url)), dict[str, object]()

    def ask(id: str) -> None:
        for _ in range(20):
            memory = reader.get("users", id)
            found[id] = memory and memory.id

    threads = [threading.Thread(target=ask, args=(id,)) for id in _IDS[:8]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {id: id for id in _IDS[:8]}


def test_a_server_that_started_again_is_asked_at_once(tmp_path: Path) -> None:
    made.make(tmp_path / "store")
    with Serving(tmp_path / "store") as serving:
        reader = HttpReader(Server(serving.url))
        wanted = asked(reader)
        serving.end()
        serving.start()
        with patch("io_connectors.retry.RetryPolicy.wait", side_effect=AssertionError("it was waited")):
            assert asked(reader) == wanted
        serving.end()
        with (
            patch("io_connectors.retry.RetryPolicy.wait", return_value=0.0),
            pytest.raises(TargetTransientError, match="cannot be reached"),
        ):
            reader.get("users", "users_1")


def test_the_key_is_shown(tmp_path: Path) -> None:
    made.make(tmp_path / "store")
    with Serving(tmp_path / "store", environment={"ENGRAM_MIGRATE_API_KEY": "ours"}) as serving:
        with pytest.raises(ConfigurationError, match="key"):
            HttpReader(Server(serving.url, SecretRef.keep("WRONG_KEY", "other"))).get("users", "users_1")
        reader = HttpReader(Server(serving.url, SecretRef.keep("RIGHT_KEY", "ours")))
        assert reader.get("users", "users_1") is not None
