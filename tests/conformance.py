"""docs/conformance.md: which requirement is proven by which test, made from the docstrings of the tests.

`python -m tests.conformance` writes the page, `--check` fails when it is stale. A test proves the ids that its
docstring, or that of its module, names, each written out: a range would claim what nobody looked at.
"""

import ast
import re
import sys
import tomllib
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "conformance.md"
LIST = TESTS / "conformance.toml"

ID = re.compile(r"\b(?:R-[A-Z]{2,3}|D|V|EX)-\d+\b")


def named(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The ids that a docstring names."""
    return sorted(set(ID.findall(ast.get_docstring(node) or "")))


def proofs() -> dict[str, list[str]]:
    """Id -> tests that name it."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        place = str(path.relative_to(TESTS.parent))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for name in named(node):
                    found.setdefault(name, []).append(f"{place}::{node.name}")
        for name in named(tree):
            found.setdefault(name, []).append(place)
    return found


def page() -> str:
    """The page, as it should be."""
    known: dict[str, dict[str, str]] = tomllib.loads(LIST.read_text())
    found = proofs()
    ids = [name for group in known.values() for name in group]
    unknown = sorted(set(found) - set(ids))
    if unknown:
        sys.exit(f"tests name ids that are not in {LIST.name}: {', '.join(unknown)}")
    proven = sum(name in found for name in ids)
    lines = [
        "# Conformance",
        "",
        "Which statement is proven by which test. R: statements about the interfaces of the original product, in",
        "groups; D: decisions of this project; V: deviations that are accepted or corrected; EX: example messages.",
        "This page is made by `./run conformance` from the docstrings of the tests and checked by `./run check`.",
        "",
        f"{proven} of {len(ids)} are proven; the others are shown as **gap**.",
    ]
    for title, group in known.items():
        lines += ["", f"## {title}", "", "| Id | About | Tests |", "| --- | --- | --- |"]
        for name, about in group.items():
            tests = found.get(name, [])
            shown = "<br>".join(f"`{test}`" for test in tests[:SHOWN]) or "**gap**"
            more = f"<br>and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
            lines.append(f"| {name} | {about} | {shown}{more} |")
    return "\n".join(lines) + "\n"


SHOWN = 4
"Tests listed for one id."


def main() -> int:
    """Write or check."""
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
        print(f"written: {PAGE.relative_to(TESTS.parent)}")
        return 0
    if not PAGE.exists() or PAGE.read_text() != text:
        print("docs/conformance.md is stale: ./run conformance")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
