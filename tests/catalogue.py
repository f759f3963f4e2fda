"""Catalogues of messages: read, compiled, and compared with what the pages say.

`python -m tests.catalogue` compiles every .po of cups_site/locale into its .mo, and names what is not translated.
The format is that of GNU gettext; no program of theirs is needed.
"""

import ast
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
LOCALE: Final = ROOT / "cups_site" / "locale"

PAGES: Final = (
    "cups_site/*.py",
    "cups_site/templates/**/*.html",
    "presence/templates/admin/presence/index.html",
    "presence/templates/admin/presence/dashboard.html",
    "provisioning/admin/base.py",
    "sipedge/messenger/*.py",
    "sipedge/selfservice/*.py",
    "sipedge/templates/messenger/*.html",
    "sipedge/templates/selfservice/*.html",
)
"What is translated in full."

FUNCTIONS: Final = ("_", "gettext", "gettext_lazy", "gettext_noop", "ngettext")

MAGIC: Final = 0x950412DE
"Begins a .mo."


class Message(NamedTuple):
    """One entry; without a plural `texts` has one text."""

    singular: str
    plural: str
    texts: tuple[str, ...]
    fuzzy: bool

    @property
    def key(self) -> str:
        """As it stands in a .mo."""
        return f"{self.singular}\0{self.plural}" if self.plural else self.singular


def read(path: Path) -> list[Message]:
    """The entries of a .po, its header included; raises ValueError for a line that is none of the format."""
    return [_entry(block) for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip())]


def _entry(block: str) -> Message:
    parts: dict[str, str] = {}
    fuzzy, name = False, ""
    for line in block.splitlines():
        if line.startswith("#"):
            fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        found = re.fullmatch(r'(?:(msgid|msgid_plural|msgstr(?:\[\d\])?) )?(".*")', line)
        if found is None or not (found[1] or name):
            raise ValueError(f"this is no line of a catalogue: {line}")
        name = found[1] or name
        parts[name] = parts.get(name, "") + ast.literal_eval(found[2])
    texts = tuple(text for part, text in parts.items() if part.startswith("msgstr"))
    return Message(parts["msgid"], parts.get("msgid_plural", ""), texts, fuzzy)


def compiled(messages: list[Message]) -> bytes:
    """The .mo: tables of lengths and places, sorted by key, then the texts."""
    rows = sorted((one.key.encode(), "\0".join(one.texts).encode()) for one in messages if not one.fuzzy)
    keys, texts = 28, 28 + 8 * len(rows)
    place = texts + 8 * len(rows)
    tables, body = [], b""
    for column in (0, 1):
        for row in rows:
            tables.append(struct.pack("<2I", len(row[column]), place + len(body)))
            body += row[column] + b"\0"
    return struct.pack("<7I", MAGIC, 0, len(rows), keys, texts, 0, place) + b"".join(tables) + body


def used() -> Iterator[tuple[str, str, str]]:
    """Singular, plural and file of every message that the pages name."""
    for path in sorted({path for pattern in PAGES for path in ROOT.glob(pattern)}):
        file = str(path.relative_to(ROOT))
        found = _in_template(path.read_text()) if path.suffix == ".html" else _in_python(path.read_text())
        yield from ((singular, plural, file) for singular, plural in found)


def _in_python(source: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if texts:
                yield texts[0], texts[1] if node.func.id == "ngettext" else ""


def _in_template(source: str) -> Iterator[tuple[str, str]]:
    from django.utils.translation.template import templatize

    text = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    for many, first, second, one in re.findall(
        rf"\b(ngettext)\({text}, ?{text}|(?:\b_|\bgettext)\({text}\)", templatize(source)
    ):
        if many:
            yield ast.literal_eval(first), ast.literal_eval(second)
        else:
            yield ast.literal_eval(one), ""


def main() -> None:
    """Compile all, and say what is missing."""
    import django

    django.setup()
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/django.po")):
        messages = read(path)
        path.with_suffix(".mo").write_bytes(compiled(messages))
        known = {one.singular for one in messages if all(one.texts) and not one.fuzzy}
        for singular in sorted({one[0] for one in used()} - known):
            print(f"{path.parent.parent.name}: not translated: {singular!r}")


if __name__ == "__main__":
    main()
