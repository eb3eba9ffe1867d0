"""Checks as JUnit XML, which build servers show: one test case a check."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from pipelines.report import Check

#: What XML 1.0 cannot hold in any spelling.
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(run: str, system: str, checks: Sequence[Check], seconds: float = 0.0) -> bytes:
    """The text of a JUnit file, in UTF-8.

    Args:
        run: The run that was checked.
        system: The source's kind, or empty.
        checks: The checks.
        seconds: How long the run took.
    """
    failures = str(sum(not check.passed for check in checks))
    counts = {"tests": str(len(checks)), "failures": failures, "errors": "0"}
    root = Element("testsuites", counts)
    name, time = _text(f"engram-migrate {run}"), f"{seconds:.3f}"
    suite = SubElement(root, "testsuite", {"name": name, **counts, "time": time})
    for check in checks:
        _add(suite, f"engram-migrate.{system}" if system else "engram-migrate", check)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode").encode()


def _add(suite: Element, group: str, check: Check) -> None:
    names = {"classname": _text(group), "name": _text(check.name), "time": "0"}
    case = SubElement(suite, "testcase", names)
    if check.passed:
        SubElement(case, "system-out").text = _text(check.found)
    else:
        failure = SubElement(case, "failure", {"message": _text(check.found)})
        failure.text = _text("\n".join(check.details))


def _text(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
