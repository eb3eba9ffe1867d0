"""Errors as words on stderr and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from engram_store import files
from engram_store.errors import MigrationError
from pipelines.logs import json_line, logs_are_json
from pipelines.terminal import say
from pipelines.watch import Terminated, heeding_signals, why_stopped


def guarded(work: Callable[[], int]) -> int:
    """Runs work and turns its errors into words on stderr and an exit code."""
    try:
        with heeding_signals():
            code = work()
            # Not at Python's end, where a full disk or a closed pipe could no longer be said.
            sys.stdout.flush()
            return code
    except MigrationError as error:
        say_error(error)
        return error.exit_code
    except KeyboardInterrupt as stop:
        stopped = why_stopped(stop.number if isinstance(stop, Terminated) else signal.SIGINT)
        say_error(stopped)
        return stopped.exit_code
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _full(error) if error.errno in files.FULL else _defect()
    except Exception:
        return _defect()


def leave(code: int) -> NoReturn:
    """Ends the process without waiting for its threads.

    A run stopped in the middle of a bundle leaves Beam's sampler running; Python would wait for it for ever.
    """
    # What was printed before an error; where it finds no room, the error has been said.
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def _full(error: OSError) -> int:
    """Ends where what we print goes to a disk without room, and perhaps even this cannot be said."""
    full = files.disk_full(Path(error.filename or "what this command prints"), error)
    with suppress(OSError):
        say_error(full)
    # Python would fail once more for what is still to be written.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return full.exit_code


def _defect() -> int:
    """A defect of ours: the one case in which a traceback helps."""
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
