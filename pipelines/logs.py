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
        rest = {"traceback": self.formatException(record.exc_info)} if record.exc_info else {}
        return json_line(record.levelname.lower(), record.name, record.getMessage(), **rest)


def json_line(level: str, logger: str, message: str, **fields: object) -> str:
    """One line of the JSON log, for what is shown whatever the level: progress and the last error."""
    time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    return orjson.dumps(
        {"time": time, "level": level, "logger": logger, "message": message, **fields}
    ).decode()


def notice(line: str) -> None:
    """Shows a line on stderr, in the form of the log, whatever the level."""
    print(json_line("info", __name__, line) if logs_are_json() else line, file=sys.stderr, flush=True)


def logs_are_json() -> bool:
    """Whether stderr carries one JSON object a line."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers)


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
        # A line for every request.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        # Each failed try of the driver; the last one reaches the user as an error.
        logging.getLogger("neo4j").setLevel(logging.CRITICAL)
