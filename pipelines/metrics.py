"""How far a migration is, for Prometheus: ``--metrics-addr 127.0.0.1:9105``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engram_store.errors import ConfigurationError
from pipelines.progress import State

if TYPE_CHECKING:
    from prometheus_client import Metric

_PREFIX = "engram_migrate_"

#: Name → its meaning and its value; what ends in ``_total`` is a counter, and includes earlier attempts.
METRICS: dict[str, tuple[str, Callable[[State], float]]] = {
    "records_planned": ("Records in the source.", lambda state: state.total),
    "records_read_total": ("Records read, written and acknowledged.", lambda state: state.done),
    "memories_written_total": ("Memories written.", lambda state: state.memories),
    "edges_written_total": ("Edges written.", lambda state: state.edges),
    "pages_planned": ("Pages that the records are cut into.", lambda state: state.planned_pages),
    "pages_written_total": ("Pages acknowledged.", lambda state: state.pages),
    "dead_letters_total": ("Records refused.", lambda state: state.dead_letters),
    "written_bytes_total": ("Bytes written to the target.", lambda state: state.bytes),
    "records_per_second": ("Records a second since this attempt started.", lambda state: state.rate),
    "resident_memory_bytes": ("Memory of all processes together.", lambda state: state.memory),
}


class _Collector:
    """Gives the last state that was shown; nothing before the first.

    Args:
        run: The run, as a label of every metric.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._state: State | None = None

    def show(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """The metrics, as the library asks for them."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        if (state := self._state) is None:
            return
        for name, (meaning, value) in METRICS.items():
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            metric = kind(f"{_PREFIX}{name}", meaning, labels=["run"])
            metric.add_metric([self._run], value(state))
            yield metric


@contextmanager
def serving_metrics(address: str, run: str) -> Iterator[Callable[[State], None]]:
    """Answers Prometheus for the length of the block.

    Args:
        address: ``host:port`` as the settings have it, or empty for none.
        run: The run's name.

    Yields:
        What is to be called with each new state.

    Raises:
        ConfigurationError: The address cannot be listened at, or the library is not installed.
    """
    if not address:
        yield lambda state: None
        return
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise ConfigurationError(
            "for `--metrics-addr`, prometheus-client is needed, and it is not installed",
            suggestion="install Engram Migrate with its extra `metrics`",
            example="pip install 'engram-migrate[metrics]'",
        ) from error
    host, _, port = address.rpartition(":")
    collector, registry = _Collector(run), CollectorRegistry()
    registry.register(collector)
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as error:
        raise ConfigurationError(
            f"the address `{address}` cannot be listened at",
            why=str(error),
            suggestion="give `--metrics-addr` an address of this machine with a port that is free",
            example="--metrics-addr 127.0.0.1:9105",
        ) from error
    try:
        yield collector.show
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
