"""The report's forms as files for people and build servers, and where they are put."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import orjson

from engram_store import files
from io_connectors.engram.address import is_url, place_of
from pipelines.report import Report
from pipelines.reporting.html import checks_page, page
from pipelines.reporting.junit import junit
from pipelines.settings.model import Settings
from pipelines.validation.result import Validation

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
        "report.junit.xml": junit(report.run, report.system, report.checks, report.seconds),
    }
    return _save(forms, _folder(report.run, settings.target, settings.report_dir))


def save_validation(found: Validation, folder: str) -> list[str]:
    """Writes what validating a run came to in all its forms.

    Args:
        found: The result.
        folder: Where to; empty for where the report of such a run is put.

    Returns:
        The files, the one for people first.

    Raises:
        TargetTerminalError: The disk is full or may not be written.
    """
    forms = {
        "validation.html": checks_page(found).encode(),
        "validation.json": orjson.dumps(found.document(), option=orjson.OPT_INDENT_2),
        "validation.junit.xml": junit(found.run, found.system, found.checks),
    }
    return _save(forms, _folder(found.run, found.target, folder))


def _save(forms: Mapping[str, bytes], folder: str) -> list[str]:
    files.make_folder(Path(folder))
    paths = [os.path.join(folder, name) for name in forms]
    for path, data in zip(paths, forms.values(), strict=True):
        files.write_bytes(Path(path), data)
    return paths


def _folder(run: str, target: str, asked: str) -> str:
    if asked:
        return asked
    if is_url(target):
        return os.path.join(_BESIDE, run)
    return os.path.dirname(place_of(target, run, "report.html"))
