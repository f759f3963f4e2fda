"""The tables of docs/configuration.md, made from what is declared.

`python -m cups_site.variables.page` writes them into the page, `--check` fails when they are stale.
"""

import re
import sys
from itertools import groupby
from pathlib import Path

from cups_site.variables.declared import VARIABLES, Variable

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "configuration.md"
HEAD = "| Variable | Type | Meaning | Default | Example |\n| --- | --- | --- | --- | --- |"
BEGIN, END = "<!-- variables: made by python -m cups_site.variables.page -->", "<!-- end of variables -->"


def tables() -> str:
    """One table for each group."""
    parts = []
    for group, variables in groupby(VARIABLES, key=lambda one: one.group):
        rows = "\n".join(map(_row, variables))
        parts.append(f"### {group}\n\n{HEAD}\n{rows}\n")
    return "\n".join(parts)


def _row(one: Variable) -> str:
    kind = one.kind.name + (f", {one.unit}" if one.unit else "") + (" (secret)" if one.secret else "")
    default = one.otherwise or f"`{one.default}`"
    return f"| `{one.name}` | {kind} | {one.meaning} | {default} | `{one.example}` |"


def with_tables(text: str) -> str:
    """The page with the tables of now."""
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n\n{tables()}\n{END}", text, flags=re.DOTALL)


def main(words: list[str]) -> int:
    """Write, or look; the exit status tells."""
    before = PAGE.read_text(encoding="utf-8")
    after = with_tables(before)
    if "--check" in words:
        if before != after:
            print(f"{PAGE.name} is stale: python -m cups_site.variables.page", file=sys.stderr)
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
