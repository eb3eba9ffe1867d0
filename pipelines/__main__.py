"""``engram-migrate``: the pipelines, and the verbs that look at a store or change one.

engram-migrate postgresql --source … --target ./engram-data
engram-migrate recall "trail running shoes" --target ./engram-data
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from engram_store.errors import ConfigurationError
from io_connectors.engram.address import open_home
from io_connectors.engram.home import RunHome
from io_connectors.engram.public.choices import DeliveryChoices
from io_connectors.secrets import SecretRef
from pipelines import verbs
from pipelines.explain import explain
from pipelines.guard import guarded, leave
from pipelines.logs import notice
from pipelines.pipelines import PIPELINES, main_of
from pipelines.serve import KEY_VARIABLE, serve
from pipelines.settings.load import PREFIX
from pipelines.status import status

_TARGET = os.environ.get(f"{PREFIX}TARGET", "./engram-data")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(message, suggestion="see the help", example=f"{self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in PIPELINES:
        return main_of(given[0])(given[1:])
    return guarded(lambda: _verb(given))


def entry() -> NoReturn:
    """``engram-migrate``: the command, and the end of its process."""
    leave(main())


def _verb(arguments: list[str]) -> int:
    # What follows these is for the pipeline that made the run, and is parsed by it.
    parsed, rest = parser().parse_known_args(arguments)
    asks = parsed.verb in ("replay", "explain", "validate") and not getattr(parsed, "without_source", False)
    if rest and not asks:
        raise ConfigurationError(
            f"there is no flag `{rest[0]}`",
            suggestion="see the help",
            example=f"engram-migrate {parsed.verb} --help",
        )
    values = vars(parsed)
    del values["verb"]
    do: Callable[..., int] = values.pop("do")
    if "target" not in values:
        return do(**values)
    key_file = values.pop("target_key_file")
    values["home"] = _home(values.pop("target"), key_file, values.pop("staging"))
    if do in (verbs.replay, explain, verbs.validate):
        values["flags"] = ["--target-key-file", key_file, *rest] if key_file else rest
    return do(**values)


def _home(target: str, key_file: str | None, staging: str) -> RunHome:
    choices = DeliveryChoices(staging, say=notice)
    if key_file:
        return open_home(target, SecretRef(path=key_file), choices=choices)
    variable = f"{PREFIX}TARGET_KEY"
    return open_home(target, SecretRef(variable) if os.environ.get(variable) else None, choices=choices)


def parser() -> _Parser:
    """The command line of the verbs; the pipelines' flags are their own."""
    top = _Parser(
        prog="engram-migrate", description="Moves databases into Engram, and looks at what arrived."
    )
    actions = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in PIPELINES:
        actions.add_parser(name, help=f"migrate from {name} (see {name} --help)", add_help=False)
    _add(actions, "runs", "list the runs of a store", verbs.runs)
    state = _add(actions, "status", "show how runs stand, also while one is under way", status)
    state.add_argument("--run", help="only this run")
    _add(actions, "spaces", "list the memory spaces and their sizes", verbs.spaces)
    memory = {"space": "memory space", "id": "memory id"}
    _add(actions, "get", "show one memory", verbs.get, memory)
    _add(actions, "edges", "show a memory's edges, in and out", verbs.edges, memory)
    near = _add(actions, "neighbours", "show the memories around one", verbs.neighbours, memory)
    near.add_argument("--depth", type=_count, default=1, help="edges away (default 1)")
    recall = _add(
        actions, "recall", "find the memories nearest to a text", verbs.recall, {"text": "what to recall"}
    )
    recall.add_argument("--space", help="only in this space")
    recall.add_argument("-k", type=_count, default=5, help="how many (default 5)")
    _add(
        actions,
        "embed-query",
        "print the vector of a text, as the store's memories were embedded",
        verbs.embed_query,
        {"text": "what to embed"},
    )
    letters = _add(
        actions, "dead-letters", "list the records that were refused, with reasons", verbs.dead_letters
    )
    letters.add_argument("--run", help="only of this run")
    replay = _add(actions, "replay", "put refused records through their pipeline again", verbs.replay)
    # A flag, not a place: the value of a flag meant for the pipeline would be taken for it.
    replay.add_argument("--run", help="the run; needed if there are several")
    told = _add(
        actions,
        "explain",
        "follow one record or edge from the source to what the target gives back",
        explain,
        {
            "record": "a memory or an edge as space/id (an edge also as origin/id), or a record of the"
            " source as table[key], label[key] or type[key]"
        },
    )
    told.add_argument("--run", help="only in this run")
    help = "compare a run with its source and its target; flags of the source may follow"
    check = _add(actions, "validate", help, verbs.validate)
    check.add_argument("--run", help="the run; needed if there are several")
    check.add_argument(
        "--without-source", action="store_true", help="do not ask the source, which may be gone"
    )
    check.add_argument("--report-dir", help="folder for the result; where the run's report is, if not given")
    _add(actions, "undo", "take back one run", verbs.undo, {"run": "the run"})
    _add(actions, "finalize", "rebuild what readers see from the pages", verbs.finalize)
    _add_serve(actions)
    _add_distil(actions)
    return top


def _add_distil(actions: argparse._SubParsersAction[_Parser]) -> None:
    help = "make a table of word meanings from a model, for the provider local"
    verb = actions.add_parser("distil", help=help, description=help, allow_abbrev=False)
    verb.set_defaults(do=verbs.distil)
    verb.add_argument("model", help="folder of the model, or its name on the hub")
    verb.add_argument("out", help="folder for the table; not there yet")


def _add_serve(actions: argparse._SubParsersAction[_Parser]) -> None:
    help = "serve a store over HTTP"
    verb = actions.add_parser("serve", help=help, description=help, allow_abbrev=False)
    verb.set_defaults(do=serve)
    verb.add_argument("path", nargs="?", default=_TARGET, help=f"folder of the store (default {_TARGET})")
    verb.add_argument("--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1)")
    verb.add_argument("--port", type=_port, default=7432, help="port to listen at (default 7432)")
    verb.add_argument("--api-key-file", help=f"file with the key that requests must show (or {KEY_VARIABLE})")


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 2**16:
        raise argparse.ArgumentTypeError(f"it must be a port, 1 to 65535, not {number}")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"it must be 1 or more, not {number}")
    return number


def _add(
    actions: argparse._SubParsersAction[_Parser],
    name: str,
    help: str,
    do: Callable[..., int],
    arguments: dict[str, str] | None = None,
) -> _Parser:
    verb = actions.add_parser(name, help=help, description=help, allow_abbrev=False)
    verb.set_defaults(do=do)
    for argument, meaning in (arguments or {}).items():
        verb.add_argument(argument, help=meaning)
    verb.add_argument(
        "--target", default=_TARGET, help=f"folder of the store, or s3://… or http://… (default {_TARGET})"
    )
    verb.add_argument(
        "--target-key-file",
        default=os.environ.get(f"{PREFIX}TARGET_KEY_FILE"),
        help=f"file with the server's key (or {PREFIX}TARGET_KEY)",
    )
    verb.add_argument(
        "--staging",
        default=os.environ.get(f"{PREFIX}STAGING", ""),
        help="store that went to an Engram server, or mirrors object storage (default in ./engram-staging)",
    )
    return verb


if __name__ == "__main__":
    entry()
