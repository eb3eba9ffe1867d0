"""A document's commands as one script, run in order in one shell, and what each of them printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docs.markdown import REPOSITORY, Block, Document

#: Stands in the comment above a block that no test can run, with the reason.
NOT_RUN = "not run: "
_FILE = "file: "
#: What runs a block of a language: with the address that the document's reader has set.
_RUNNERS = {
    "sql": 'psql -qX -v ON_ERROR_STOP=1 "$SHOP"',
    "cypher": 'python -m demo.cypher "$SOURCE"',
    # redis-cli ends well whatever the server answers to its standard input.
    "redis": "{ redis-cli --no-raw -u redis://localhost:6379 |"
    " awk '{ print } /\\(error\\)/ { refused = 1 } END { exit refused }'; }",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Some commands, and what a ``console`` block shows of their output ("" shows nothing)."""

    line: int
    commands: str
    shown: str


def steps(document: Document) -> list[Step]:
    """All commands of a document: sh, console, sql, cypher and redis blocks, and the files that it shows."""
    found: list[Step] = []
    for block in document.blocks("sh", "console", "yaml", *_RUNNERS):
        if block.comment.startswith(NOT_RUN):
            continue
        if block.language == "console":
            found += _console(block)
        elif block.comment.startswith(_FILE):
            found.append(Step(block.line, _heredoc(f"cat >{block.comment.removeprefix(_FILE)}", block), ""))
        elif block.language in _RUNNERS:
            found.append(Step(block.line, _heredoc(_RUNNERS[block.language], block), ""))
        elif block.language == "sh":
            found.append(Step(block.line, block.text, ""))
    return found


def run(
    document: Document, folder: Path, environment: Mapping[str, str], replaced: Mapping[str, str]
) -> None:
    """Runs a document's commands in a folder; each must end well and print what is shown.

    Args:
        document: The document.
        folder: An empty folder.
        environment: Variables beside those of this process.
        replaced: Texts of the document and what stands for them here, such as a server's address.
    """
    todo = steps(document)
    script = "set -eu -o pipefail\n" + "".join(
        f"echo {step.line} >at\n{{ {step.commands}\n}} >out.{i} 2>&1 </dev/null\n"
        for i, step in enumerate(todo)
    )
    for text, here in replaced.items():
        assert text in script, f"`{text}` is not in {document.path} any more"
        script = script.replace(text, here)
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=_environment(environment), check=False)
    printed = [_read(folder / f"out.{i}") for i in range(len(todo))]
    where = f"{document.path}:{_read(folder / 'at').strip()}"
    assert done.returncode == 0, f"{where} ended with {done.returncode}:\n{''.join(printed)[-3000:]}"
    for step, output in zip(todo, printed, strict=True):
        line = missing(step.shown, output)
        assert line is None, (
            f"{document.path}:{step.line} shows\n{line}\nwhich is not so, or not there, in\n{output}"
        )


def missing(shown: str, output: str) -> str | None:
    """The first shown line that is not in the output, or not in this place; ``…`` stands for anything."""
    lines = iter(line.rstrip() for line in output.splitlines())
    for wanted in filter(None, map(str.rstrip, shown.splitlines())):
        pattern = ".*".join(map(re.escape, wanted.split("…")))
        if not any(re.fullmatch(pattern, line) for line in lines):
            return wanted
    return None


def _console(block: Block) -> list[Step]:
    """One step a command: what follows ``$`` runs, what follows that is shown."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    split = [re.match(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)\Z", part, re.DOTALL) for part in parts]
    return [Step(block.line, match[1], match[2]) for match in split if match]


def _heredoc(command: str, block: Block) -> str:
    return f"{command} <<'BLOCK'\n{block.text}BLOCK\n"


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "ENGRAM_MIGRATE_"))}
    path = os.pathsep.join([*more.get("PATH", "").split(os.pathsep), str(Path(sys.executable).parent)])
    return {**clean, **more, "PATH": f"{path}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
