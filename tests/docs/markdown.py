"""What the tests need of a Markdown document: its code blocks, tables, headings and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!-- ([^>]*) -->\n\Z")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code.

    Attributes:
        language: What is written behind the fence.
        text: Its lines.
        line: Where it begins, counted from 1.
        comment: The HTML comment on the line above, which readers of the page do not see.
    """

    language: str
    text: str
    line: int
    comment: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document of this repository, by its path from the root."""

    path: str

    @property
    def text(self) -> str:
        return (REPOSITORY / self.path).read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[Block]:
        """The blocks in these languages (or all), in order."""
        found = []
        for match in _FENCE.finditer(self.text):
            before = self.text[: match.start()]
            comment = _COMMENT.search(before)
            found.append(Block(match[1], match[2], before.count("\n") + 1, comment[1] if comment else ""))
        return [block for block in found if not languages or block.language in languages]

    def headings(self, level: int) -> list[str]:
        """The headings of a level."""
        plain = _FENCE.sub("", self.text)
        return re.findall(rf"^{'#' * level} (.+)$", plain, re.MULTILINE)

    def table(self, first: str) -> list[list[str]]:
        """The rows of the table whose first column is headed so; without its header."""
        lines = self.text.splitlines()
        (start,) = (i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
        rows = []
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            rows.append([cell.strip().replace(r"\|", "|") for cell in _CELL.split(line)[1:-1]])
        return rows

    def linked_files(self) -> list[Path]:
        """The files of this repository that it links to."""
        links = _LINK.findall(_FENCE.sub("", self.text))
        files = [link.partition("#")[0] for link in links if "://" not in link]
        return [(REPOSITORY / self.path).parent / file for file in files if file]


README = Document("README.md")
POSTGRES_GUIDE = Document("docs/operations/migration-postgresql.md")
NEO4J_GUIDE = Document("docs/operations/migration-neo4j.md")
REDIS_GUIDE = Document("docs/operations/migration-redis.md")
NEO4J_TUTORIAL = Document("docs/tutorials/migrate-from-neo4j.md")
SERVER_GUIDE = Document("docs/operations/server.md")
REPORT = Document("docs/reference/report.md")
EMBEDDING_GUIDE = Document("docs/operations/embedding.md")
DISTRIBUTED_GUIDE = Document("docs/operations/distributed.md")
COMPATIBILITY = Document("docs/engram-compatibility.md")
ERRORS = Document("docs/reference/errors-and-exit-codes.md")
VALIDATION_GUIDE = Document("docs/operations/validation.md")
CONTRIBUTING = Document("CONTRIBUTING.md")
ALL = (
    *(README, POSTGRES_GUIDE, NEO4J_GUIDE, REDIS_GUIDE, NEO4J_TUTORIAL, ERRORS, CONTRIBUTING),
    *(SERVER_GUIDE, COMPATIBILITY, EMBEDDING_GUIDE, DISTRIBUTED_GUIDE, REPORT, VALIDATION_GUIDE),
    *map(Document, ("docs/architecture.md", "CHANGELOG.md")),
)
