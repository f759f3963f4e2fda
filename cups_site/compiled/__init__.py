"""The compiled form of the pure places, for those who have a C compiler; an option, never a need.

`./run compile` translates the same sources by mypyc and keeps what comes out inside of the virtual environment,
under a digest of the sources. A process takes the compiled modules where the digest is that of the sources it would
otherwise interpret; after any change, without a build, or with CUPS_COMPILED=0 it interprets them. Standard library
only.
"""

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

from cups_site.variables.declared import value

ROOT: Final = Path(__file__).resolve().parent.parent.parent

PLACES: Final = ("presence/engine", "sipedge/sip")
"Folders whose modules know no Django, sockets, clock, settings or threads; `lint-imports` sees to that."


def sources() -> list[Path]:
    """The modules that are compiled, relative to the root."""
    found = (path for place in PLACES for path in (ROOT / place).glob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found if path.name != "__init__.py")


@cache
def folder() -> Path:
    """Where a build of these very sources for this interpreter is, or would be."""
    digest = hashlib.sha256(EXTENSION_SUFFIXES[0].encode())
    for path in sources():
        digest.update(f"{path}\0".encode() + (ROOT / path).read_bytes())
    return Path(sys.prefix) / "compiled" / digest.hexdigest()[:16]


def use() -> bool:
    """Take the compiled modules from now on, if there are any; whether they are taken."""
    if not value("CUPS_COMPILED") or not folder().is_dir():
        return False
    if not used():
        sys.meta_path.insert(0, _Finder(folder()))
    return True


def used() -> bool:
    """The compiled modules are taken by this process."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


class _Finder(MetaPathFinder):
    """Finds a module's compiled form before its source."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The compiled form; None where there is none."""
        file = self._folder / (fullname.replace(".", "/") + EXTENSION_SUFFIXES[0])
        if not file.exists():
            return None
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, str(file)))
