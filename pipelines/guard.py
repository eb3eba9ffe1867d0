"""Errors as words on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from engram_store.errors import MigrationError
from pipelines.logs import json_line, logs_are_json
from pipelines.terminal import say
from pipelines.watch import Terminated, heeding_sigterm, why_stopped


def guarded(work: Callable[[], int]) -> int:
    """Runs work and turns its errors into words on stderr and an exit code."""
    try:
        with heeding_sigterm():
            return work()
    except MigrationError as error:
        say_error(error)
        return error.exit_code
    except KeyboardInterrupt as stop:
        stopped = why_stopped(isinstance(stop, Terminated))
        say_error(stopped)
        return stopped.exit_code
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        # A defect of ours: the one case in which a traceback helps.
        traceback.print_exc()
        print("error: this is a defect of Engram Migrate; finished pages are kept", file=sys.stderr)
        return 1


def say_error(error: MigrationError) -> None:
    """Says an error on stderr, in the form of the log."""
    if logs_are_json():
        print(json_line("error", __name__, error.what, **error.fields()), file=sys.stderr)
        return
    first, *rest = error.lines()
    say([f"error: {first}", *rest], sys.stderr)
