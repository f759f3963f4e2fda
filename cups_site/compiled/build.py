"""`./run compile`: make the compiled form of the pure places, with mypyc and the machine's C compiler."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from cups_site.compiled import ROOT, folder, sources

_SETUP: Final = """
from mypyc.build import mypycify
from setuptools import setup
setup(name="pure", packages=[], ext_modules=mypycify({modules!r}, opt_level="3"))
"""


def main() -> int:
    """Build, unless that was done; the exit status tells."""
    place = folder()
    if place.is_dir():
        print(f"compiled already: {place}")
        return 0
    if problem := _missing():
        print(problem, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="cups-compile-") as name:
        copied = Path(name)
        for package in ("presence", "provisioning", "sipedge"):
            shutil.copytree(ROOT / package, copied / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
        shutil.copy(ROOT / "pyproject.toml", copied)
        (copied / "setup.py").write_text(_SETUP.format(modules=list(map(str, sources()))))
        words = [sys.executable, "setup.py", "--quiet", "build_ext", "--build-lib", "made"]
        done = subprocess.run(words, cwd=copied, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            print(done.stdout, file=sys.stderr)
            return done.returncode
        place.parent.mkdir(exist_ok=True)
        for old in place.parent.iterdir():  # of other sources: nobody will take it any more
            shutil.rmtree(old)
        shutil.copytree(copied / "made", place.with_suffix(".part"))
        os.replace(place.with_suffix(".part"), place)
    print(f"compiled: {len(sources())} modules; processes that start from now on use them")
    return 0


def _missing() -> str:
    """What the machine lacks, in one sentence."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler}); install your system's package gcc or build-essential"
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        return "the headers of Python are missing; install your system's package python3-dev"
    return ""


if __name__ == "__main__":
    sys.exit(main())
