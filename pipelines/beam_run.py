"""Running a pipeline: the local runner pinned, unknown flags for Beam, failures made plain."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from engram_store.errors import ConfigurationError, Interrupted, MigrationError
from pipelines import worker
from pipelines.watch import Watch

#: How Beam's portable runner begins to say what became of a job.
_FAILED = "failed in state FAILED:"


def run_pipeline(
    build: Callable[[beam.Pipeline], None], workers: int, beam_flags: Sequence[str], watch: Watch
) -> None:
    """Builds and runs a pipeline to its end.

    Args:
        build: Adds the transforms.
        workers: Local worker processes; at most the machine's cores are used.
        beam_flags: Flags for Beam; ``--runner`` replaces the local runner.
        watch: Interrupts the run from outside.

    Raises:
        MigrationError: What a worker raised, or Interrupted when the run can be resumed.
    """
    pipeline = _pipeline(workers, beam_flags)
    # Made for transforms in other languages, of which there are none; a killed process would leave it.
    shutil.rmtree(pipeline.local_tempdir)
    build(pipeline)
    try:
        with watch:
            pipeline.run().wait_until_finish()
    except (KeyboardInterrupt, Exception) as error:
        # Beam may have made anything of an interrupt that came in the middle of a transform.
        found = watch.reason or MigrationError.in_text(str(error)) or _lost(str(error))
        if found is None:
            raise
        raise found from error
    if watch.reason is not None:
        raise watch.reason


def _lost(text: str) -> Interrupted | None:
    """What another runner says of a job whose workers went away; a defect of ours brings a traceback."""
    if _FAILED not in text or "Traceback" in text:
        return None
    return Interrupted(
        "the runner has given the job up",
        why=text.rpartition(_FAILED)[2].strip().splitlines()[0],
        suggestion="see the runner's own log for what became of its workers",
    )


def check_beam_flags(flags: Sequence[str], ours: Sequence[str]) -> None:
    """Refuses flags that neither we nor Beam know: a misspelt one would be ignored in silence.

    Args:
        flags: What was given beside our own settings.
        ours: Our own flags, to suggest from.

    Raises:
        ConfigurationError: There is such a flag.
    """
    for flag in flags:
        dashed = flag.partition("=")[0].replace("_", "-")
        # Beam has a `--dry_run` of its own: misspelt so, ours would start a real migration.
        if dashed in ours and dashed != flag.partition("=")[0]:
            raise ConfigurationError(f"there is no flag `{flag}`", suggestion=f"did you mean `{dashed}`?")
    parser = _BeamArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(flags))
    if unknown:
        known = [name for action in parser._actions for name in action.option_strings]
        near = difflib.get_close_matches(unknown[0].partition("=")[0], [*known, *ours], n=1)
        raise ConfigurationError(
            f"there is no flag `{unknown[0]}`",
            why="neither Engram Migrate nor Apache Beam knows it",
            suggestion=f"did you mean `{near[0]}`?" if near else "see --help",
        )


def _pipeline(workers: int, beam_flags: Sequence[str]) -> beam.Pipeline:
    if any(flag.partition("=")[0] == "--runner" for flag in beam_flags):
        return beam.Pipeline(options=PipelineOptions(list(beam_flags)))
    # "DirectRunner" means another runner with every release and set of packages; this one is
    # what the measurements were made on.
    workers = min(workers, os.cpu_count() or 1)
    flags = [f"--direct_num_workers={workers}", "--default_sdk_harness_log_level=ERROR", *beam_flags]
    environment = SubprocessSDKEnvironment.from_command_string(worker.command()) if workers > 1 else None
    return beam.Pipeline(runner=FnApiRunner(environment), options=PipelineOptions(flags))
