"""A report with something of everything, made up."""

from __future__ import annotations

from dataclasses import replace

from pipelines.report import Check, EdgeCount, Embedding, Report, TableCount
from pipelines.reporting.distributions import Bin, Distributions, Throughput

HOSTILE = "<script>window.hurt=1</script>\"'&<img src=x onerror=window.hurt=1>\x00"


def made() -> Report:
    """A run of a shop with a failed check, orphans, refused and expired records."""
    return Report(
        run="shop-1",
        system="postgresql",
        source="postgresql://reader@localhost:5432/shop",
        target="./engram-data",
        attempts=(
            {"name": "", "at": "2026-11-25T12:00:00+00:00"},
            {"name": "", "at": "2026-11-25T13:00:00+00:00"},
        ),
        seconds=83.5,
        records=21_642,
        new_records=20_000,
        tables={
            "public.customers": TableCount("customers", 1_000, 1_000, 998, 2, 0, 0),
            "public.a_table_with_quite_a_long_name_in_it": TableCount(
                "orders", 20_642, 20_642, 20_600, 0, 42, 0
            ),
        },
        spaces={"customers": 998, "orders": 20_600},
        edges={
            "public.orders.orders_customer_fkey": EdgeCount(
                5_000, 5_000, 5_000, 0, 3, ({"source": "orders_1", "target": None},)
            ),
            "public.orders.orders_product_fkey": EdgeCount(900, 900, 900, 0, 0),
        },
        not_followed=("public.orders.orders_shop_fkey",),
        dead_letters=2,
        omitted_times=4,
        embedding=Embedding("local/lexical-1", False, "Lexical: it finds words.", 21_000, 9_000, 30, 12),
        bytes=46_000_000,
        peak_memory=480_000_000,
        expired=42,
        changes=("3 rows came",),
        notes=("Views are not migrated.",),
        checks=(
            Check("every record arrived, or is a dead letter", True, "21,642 in the source, 21,598 written"),
            Check(
                "embeddings are unit vectors", False, "1,000 looked at, 2 empty", ("a (page p): norm 0.7",)
            ),
        ),
        distributions=Distributions(
            activation=tuple(Bin(at / 20, (at + 1) / 20, (at * 7919) % 4_001) for at in range(20)),
            decay_rate=(Bin(0.005, 0.01, 30), Bin(0.01, 0.02, 20_000), Bin(0.02, None, 1_000)),
            refusals={"its JSON is too large": 2},
            throughput=Throughput(
                "2026-11-25T13:00:04+00:00", 1.3, tuple(300 + (at * 104_729) % 100 for at in range(60))
            ),
        ),
    )


def hostile() -> Report:
    """The same with names, keys, reasons and findings that would be markup if they could."""
    report = made()
    edge = EdgeCount(1, 1, 1, 0, 1, ({"source": HOSTILE, "target": HOSTILE},))
    return replace(
        report,
        run=HOSTILE,
        system=HOSTILE,
        source=HOSTILE,
        target=HOSTILE,
        attempts=({"name": HOSTILE, "at": HOSTILE},),
        tables={HOSTILE: TableCount(HOSTILE, 1, 1, 1, 0, 0, 0)},
        spaces={HOSTILE: 1},
        edges={HOSTILE: edge},
        embedding=replace(report.embedding, model=HOSTILE, description=HOSTILE),
        not_followed=(HOSTILE,),
        changes=(HOSTILE,),
        notes=(HOSTILE,),
        checks=(Check(HOSTILE, True, HOSTILE, (HOSTILE,)), Check(HOSTILE, False, HOSTILE, (HOSTILE,))),
        distributions=replace(
            report.distributions,
            refusals={HOSTILE: 1},
            throughput=Throughput(HOSTILE, 1.0, (1, 2)),
        ),
    )
