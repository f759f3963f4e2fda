"""Write everything that is provisioned as a provisioning file: sorted, stable, without secrets.

Applied again it changes nothing; applied to an empty database it makes the same, but for what no file has: passwords,
PINs, secrets of webhooks, and accounts of the admin.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from provisioning.importing import catalogue, settings

HEAD = (
    "# Provisioning, as `manage.py export_config` has written it: without passwords, PINs and other secrets.",
    "# `manage.py apply --diff` says what differs from it; see docs/provisioning-file.md.",
)

WIDTH = 1_000_000
"Characters of a line: an entry is never broken, so that a difference of files is one of entries."


class _Dumper(yaml.SafeDumper):
    """Words as PyYAML writes them, but for NEL: it leaves that bare, and reads it as the end of a line."""


def _word(dumper: _Dumper, word: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", word, style='"' if "\x85" in word else None)


_Dumper.add_representer(str, _word)


def lines() -> Iterator[str]:
    """The file, line by line."""
    yield from HEAD
    for section in catalogue.every():
        first = True
        for entry in section.entries():
            if first:
                yield f"{section.name}:"
                first = False
            yield f"  - {_flow(entry)}"
        if first:
            yield f"{section.name}: []"
    written = yaml.dump({"settings": settings.entries()}, Dumper=_Dumper, sort_keys=False, width=WIDTH)
    yield from str(written).splitlines()


def _flow(entry: Any) -> str:
    """One entry on one line."""
    text = yaml.dump([entry], Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=WIDTH)
    return str(text).strip()[1:-1]
