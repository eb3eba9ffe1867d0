"""What was acknowledged: the receipts of a run, and the seal that was set on them when it was committed.

The seal lists the digests of all committed pages in a file of its own, so that a page that was
lost, or replaced together with its receipt, is noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engram_store.errors import IntegrityError
from engram_store.model import PageReceipt
from io_connectors.engram.home import TargetRun

#: The finding that keeps the seal.
SEAL = "seal"

#: Digests of a page's memories and of its edges.
Digests = tuple[str, str]


def seal(run: TargetRun, receipts: Iterable[PageReceipt]) -> None:
    """Keeps the digests of the pages that are committed."""
    run.save_finding(SEAL, {receipt.page_id: [receipt.digest, receipt.edge_digest] for receipt in receipts})


@dataclass(frozen=True, slots=True)
class Ledger:
    """What must be there of a run.

    Attributes:
        receipts: The receipt of each page that counts and can be read.
        digests: The digests of each page that counts, by the seal if there is one; empty texts
            where they cannot be compared.
        wrong: What is wrong with the ledger itself, naming pages.
        lost: The pages that are not there at all.
    """

    receipts: Mapping[str, PageReceipt]
    digests: Mapping[str, Digests]
    wrong: tuple[str, ...]
    lost: frozenset[str]

    @property
    def unverifiable(self) -> list[str]:
        """Pages that were written before there were digests over everything."""
        return sorted(page for page, digests in self.digests.items() if not all(digests))


def read_ledger(run: TargetRun) -> Ledger:
    """Reads a run's lists and receipts; what is damaged is told, and does not end the reading."""
    wrong: list[str] = []
    sealed = _sealed(run, wrong)
    acknowledged = run.page_ids()
    committed = _committed(run, acknowledged, wrong)
    receipts = _receipts(run, (committed | sealed.keys()) & acknowledged, wrong)
    for page in sorted(sealed.keys() - acknowledged):
        wrong.append(f"page {page} is lost: its file is not there")
    for page in sorted((sealed.keys() & acknowledged) - committed):
        wrong.append(f"page {page} is missing from the list of committed pages")
    for page in sorted(committed - sealed.keys() if sealed else ()):
        wrong.append(f"page {page} is in the list of committed pages, and was not committed")
    for page in sorted(acknowledged - committed - sealed.keys() if sealed else ()):
        wrong.append(f"page {page} is there, and was not committed")
    for page, receipt in receipts.items():
        if receipt.page_id != page:
            wrong.append(f"page {page} is another page: its receipt is for {receipt.page_id}")
        if page in sealed and sealed[page] != _digests(receipt):
            wrong.append(f"page {page} has another receipt than when it was committed")
    digests = {page: _digests(receipt) for page, receipt in receipts.items()}
    return Ledger(receipts, {**digests, **sealed}, tuple(wrong), frozenset(sealed.keys() - acknowledged))


def _sealed(run: TargetRun, wrong: list[str]) -> dict[str, Digests]:
    try:
        found = run.finding(SEAL) or {}
        return {str(page): (str(memories), str(edges)) for page, (memories, edges) in found.items()}
    except (IntegrityError, AttributeError, TypeError, ValueError) as error:
        wrong.append(f"the seal of the run cannot be read: {error}")
        return {}


def _committed(run: TargetRun, acknowledged: set[str], wrong: list[str]) -> set[str]:
    try:
        return run.committed_page_ids()
    except IntegrityError as error:
        wrong.append(error.what)
        return acknowledged


def _receipts(run: TargetRun, pages: set[str], wrong: list[str]) -> dict[str, PageReceipt]:
    names = sorted(pages)
    try:
        return dict(zip(names, run.receipts(names), strict=True))
    except IntegrityError:
        return dict(_one_by_one(run, names, wrong))


def _one_by_one(run: TargetRun, pages: Iterable[str], wrong: list[str]) -> Iterator[tuple[str, PageReceipt]]:
    for page in pages:
        try:
            (receipt,) = run.receipts([page])
            yield page, receipt
        except IntegrityError as error:
            wrong.append(f"page {page}: {error.what}")


def _digests(receipt: PageReceipt) -> Digests:
    # Without a digest of the edges, that of the memories means something else.
    return (receipt.digest, receipt.edge_digest) if receipt.edge_digest else ("", "")
