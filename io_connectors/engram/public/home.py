"""A public Engram server as a home of runs: they live in a staging store, and finalizing delivers them.

The server cannot be the ledger of a migration: it holds 100,000 memories a space, has no edges, takes
near-equal vectors for one memory, and answers a write well whether or not it is there. And what a
memory is sent with (its edges, a vector that is no other's) is known only when everything was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from engram_store.catalogue import oldest_first
from engram_store.errors import ConfigurationError
from engram_store.run import Run
from io_connectors.engram.embedded import EmbeddedHome
from io_connectors.engram.public.choices import DISAMBIGUATE, FAIL, DeliveryChoices
from io_connectors.engram.public.client import PublicServer
from io_connectors.engram.public.delivery import Delivery, Look, asking
from io_connectors.engram.public.ledger import DeliveryLedger
from io_connectors.engram.public.names import MOST_PER_SPACE
from io_connectors.engram.public.outcome import DELIVERY, outcome_of
from io_connectors.engram.public.preflight import check_absorption, check_sizes, expectation, open_spaces
from io_connectors.engram.public.reader import PublicReader
from io_connectors.engram.public.survey import Survey
from io_connectors.engram.targets import Capabilities, EmbeddedTargetSpec

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck
    from engram_store.finalize import FinalizeResult


class PublicHome:
    """A public server with its staging store, as a launcher and the verbs see them.

    Args:
        staging: The staging store.
        server: The server.
        version: The server's version.
        choices: How to deliver.

    Attributes:
        address: How ``--target`` named it.
    """

    capabilities = Capabilities(
        pages=False, ledger=True, edges=False, undo=False, most_per_space=MOST_PER_SPACE
    )

    def __init__(
        self, staging: EmbeddedHome, server: PublicServer, version: str, choices: DeliveryChoices
    ) -> None:
        self.address = server.url
        self._staging = staging
        self._server = server
        self._version = version
        self._choices = choices

    def lock(self) -> AbstractContextManager[None]:
        """Keeps other migrations that stage here from writing; it cannot keep others from the server."""
        return self._staging.lock()

    def runs(self) -> list[str]:
        """The names of the runs, by name."""
        return self._staging.runs()

    def run(self, run_id: str) -> Run:
        """A run, as it is staged.

        Raises:
            ConfigurationError: There is none of that name.
        """
        return self._staging.run(run_id)

    def create_run(self, run_id: str, manifest: Mapping[str, Any]) -> Run:
        """Makes a new run in the staging store.

        Raises:
            ConfigurationError: The name is taken or impossible.
        """
        return self._staging.create_run(run_id, manifest)

    def undo(self, run_id: str) -> FinalizeResult:
        """Removes a run of which nothing was sent.

        Raises:
            ConfigurationError: Something was: the server removes nothing, though its DELETE answers well.
        """
        run = self.run(run_id)
        if run.finding(DELIVERY) is not None:
            spaces = ", ".join(f"`{space}`" for space in run.manifest.get("spaces", ()))
            raise ConfigurationError(
                f"run `{run_id}` was delivered to `{self.address}` and cannot be taken back from it",
                why="the Engram server cannot remove memories: its DELETE answers 200 and keeps them",
                suggestion=f"stop the server and remove the folders of its spaces ({spaces}), then the"
                " staging store; or migrate to spaces of other names",
                example=f"rm -r {self._staging.path}",
            )
        return self._staging.undo(run_id)

    def finalize(self) -> FinalizeResult:
        """Finalizes the staging store, then delivers what is not delivered, and reads everything back.

        Raises:
            IntegrityError: An id stands twice within one run, or a page is damaged.
            PreflightError: The server could not hold it, or would absorb some; nothing was sent.
            TargetTransientError: The server is not there, or was lost; what was sent is known.
        """
        with self._staging.lock():
            result = self._staging.finalize()
            self._deliver()
        return result

    def check_edges(self, run_id: str) -> EdgeCheck:
        """Counts a run's edges and orphans by origin, in the staging store."""
        return self._staging.check_edges(run_id)

    def reader(self) -> PublicReader:
        """A reader of what the server has.

        Raises:
            TargetTerminalError: Nothing was finalized yet.
        """
        return PublicReader(self._staging.path, self._server)

    def free_bytes(self) -> int:
        """Bytes that are free on the staging store's disk."""
        return self._staging.free_bytes()

    def target(self, run_id: str, vector_type: str) -> EmbeddedTargetSpec:
        """The run's place in the staging store as a worker opens it."""
        return self._staging.target(run_id, vector_type)

    def read_back(self) -> None:
        """Reads back all that was delivered, without sending any; the finding ``delivery`` says more.

        Raises:
            TargetTransientError: The server is not there, or was lost.
        """
        runs = [run for run in self._oldest_first() if run.finding(DELIVERY)]
        chosen = _chosen_before(runs)
        with self._survey(runs, chosen) as survey, asking(self._server) as pool:
            delivery = Delivery(survey, self._server, {}, self._choices.say, pool)
            self._note(survey, chosen, delivery.look())

    def _deliver(self) -> None:
        runs = self._oldest_first()
        chosen = self._choices.on_absorbed or _chosen_before(runs)
        with self._survey(runs, chosen) as survey:
            check_sizes(survey)
            check_absorption(survey, chosen)
            before = open_spaces(survey, self._server)
            self._choices.say(f"{self.address}, version {self._version}: {expectation(survey, before)}")
            for run in runs:
                run.save_finding(DELIVERY, self._how(chosen))
            with asking(self._server) as pool:
                found = Delivery(survey, self._server, before, self._choices.say, pool).go()
            self._note(survey, chosen, found)

    @contextmanager
    def _survey(self, runs: Sequence[Run], chosen: str) -> Iterator[Survey]:
        with ExitStack() as held:
            held.callback(self._server.close)
            reader = held.enter_context(self._staging.reader())
            ledgers = {run: held.enter_context(closing(DeliveryLedger(run.path))) for run in runs}
            move = chosen == DISAMBIGUATE
            yield held.enter_context(Survey.of(reader, ledgers, self._staging.path, move=move))

    def _note(self, survey: Survey, chosen: str, found: Mapping[Run, Look]) -> None:
        for run, look in found.items():
            outcome = outcome_of(run, survey.ledgers[run], look)
            run.save_finding(DELIVERY, {**self._how(chosen), **outcome, "outages": self._server.outages})

    def _how(self, chosen: str) -> dict[str, str]:
        return {"server": self.address, "server_version": self._version, "on_absorbed": chosen}

    def _oldest_first(self) -> list[Run]:
        return oldest_first([self.run(name) for name in self.runs()])


def _chosen_before(runs: list[Run]) -> str:
    """What was chosen when the newest of the runs was last delivered."""
    chosen = [found["on_absorbed"] for run in runs if (found := run.finding(DELIVERY))]
    return str(chosen[-1]) if chosen else FAIL
