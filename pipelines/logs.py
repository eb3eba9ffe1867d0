"""Logs on stderr, as text or as one JSON object a line."""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timezone

import orjson


class JsonFormatter(logging.Formatter):
    """A log record as a JSON object: time, level, logger, message, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        fields = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(fields).decode()


def set_up_logs(form: str, level: str) -> None:
    """Sends all logs to stderr.

    Args:
        form: ``text`` or ``json``.
        level: The least severe level that is shown.
    """
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else plain)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    if level != "debug":
        # Beam's warnings are about Google's libraries and bundles; its errors are tracebacks of
        # what reaches the user as one error anyway.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
