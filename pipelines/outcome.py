"""What an attempt at a run came to: an attempt that finds the same generation takes it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engram_store.model import PageReceipt
from io_connectors.engram.home import TargetRun
from pipelines.report import Check
from pipelines.reporting.distributions import Bin, Distributions, Throughput

_NAME = "outcome"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to.

    Attributes:
        generation: What the target serves since; its name tells all pages, with their sizes and times.
        receipts: The receipt of each page.
        distributions: What the pages hold.
        checks: What was checked of it, or None if that was not asked for.
    """

    generation: str
    receipts: Mapping[str, PageReceipt]
    distributions: Distributions
    checks: tuple[Check, ...] | None = None

    @classmethod
    def of(cls, run: TargetRun, generation: str) -> Outcome | None:
        """The outcome of the last attempt, if it left this generation.

        Raises:
            IntegrityError: It cannot be read.
        """
        found = run.finding(_NAME)
        if not found or found["generation"] != generation:
            return None
        checks, receipts = found["checks"], map(_receipt, found["receipts"])
        return cls(
            generation,
            {receipt.page_id: receipt for receipt in receipts},
            _distributions(found["distributions"]),
            None if checks is None else tuple(map(_check, checks)),
        )

    def save(self, run: TargetRun) -> None:
        """Keeps it for the next attempt."""
        found = {
            "generation": self.generation,
            "receipts": [asdict(receipt) for receipt in self.receipts.values()],
            "distributions": asdict(self.distributions),
            "checks": None if self.checks is None else [asdict(check) for check in self.checks],
        }
        run.save_finding(_NAME, found)

    @property
    def stands(self) -> bool:
        """Whether it was checked, and nothing was found."""
        return self.checks is not None and all(check.passed for check in self.checks)


def _receipt(fields: Mapping[str, Any]) -> PageReceipt:
    computed, distinct = fields["texts"]
    return PageReceipt(**{**fields, "texts": (computed, distinct)})


def _check(fields: Mapping[str, Any]) -> Check:
    return Check(**{**fields, "details": tuple(fields["details"])})


def _distributions(fields: Mapping[str, Any]) -> Distributions:
    throughput = fields["throughput"]
    return Distributions(
        activation=tuple(Bin(**bin) for bin in fields["activation"]),
        decay_rate=tuple(Bin(**bin) for bin in fields["decay_rate"]),
        refusals=fields["refusals"],
        throughput=Throughput(**{**throughput, "records": tuple(throughput["records"])}),
    )
