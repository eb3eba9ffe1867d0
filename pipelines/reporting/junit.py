"""The report's checks as JUnit XML, which build servers show: one test case a check."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from pipelines.report import Check, Report

#: What XML 1.0 cannot hold in any spelling.
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> bytes:
    """The text of ``report.junit.xml``, in UTF-8."""
    failures = str(sum(not check.passed for check in report.checks))
    counts = {"tests": str(len(report.checks)), "failures": failures, "errors": "0"}
    root = Element("testsuites", counts)
    name, time = _text(f"engram-migrate {report.run}"), f"{report.seconds:.3f}"
    suite = SubElement(root, "testsuite", {"name": name, **counts, "time": time})
    for check in report.checks:
        _add(suite, report, check)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode").encode()


def _add(suite: Element, report: Report, check: Check) -> None:
    names = {"classname": _text(f"engram-migrate.{report.system}"), "name": _text(check.name), "time": "0"}
    case = SubElement(suite, "testcase", names)
    if check.passed:
        SubElement(case, "system-out").text = _text(check.found)
    else:
        failure = SubElement(case, "failure", {"message": _text(check.found)})
        failure.text = _text("\n".join(check.details))


def _text(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
