"""The report's forms as files for people and build servers, and where they are put."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from engram_store import files
from io_connectors.engram.address import is_url, place_of
from pipelines.report import Report
from pipelines.reporting.html import page
from pipelines.reporting.junit import junit
from pipelines.settings.model import Settings

#: Where the reports of runs in servers are put, one folder a run.
_BESIDE = "engram-report"


def save_report(report: Report, settings: Settings) -> list[str]:
    """Writes the report in all its forms.

    Returns:
        The files, the one for people first: in ``--report-dir``, else in the run's folder of an
        embedded store, else in ``engram-report/<run>``.

    Raises:
        TargetTerminalError: The disk is full or may not be written.
    """
    forms = {
        "report.html": page(report).encode(),
        "report.json": orjson.dumps(report.document(), option=orjson.OPT_INDENT_2),
        "report.junit.xml": junit(report),
    }
    folder = _folder(report, settings)
    files.make_folder(Path(folder))
    paths = [os.path.join(folder, name) for name in forms]
    for path, data in zip(paths, forms.values(), strict=True):
        files.write_bytes(Path(path), data)
    return paths


def _folder(report: Report, settings: Settings) -> str:
    if settings.report_dir:
        return settings.report_dir
    if is_url(settings.target):
        return os.path.join(_BESIDE, report.run)
    return os.path.dirname(place_of(settings.target, report.run, "report.html"))
