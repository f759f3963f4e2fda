"""A client library in a small process of its own: told what to do line by line, read from what it prints."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from tests.system import ROOT
from tests.waiting import wait_until

LIFETIME = 180
"Seconds after which the process ends by itself, whatever it hangs in."


class Child:
    """One running client. What it prints are facts, one a line: a subject, then what is now so of it."""

    script = ""
    "The module that runs in the process."

    def __init__(self, folder: Path, *words: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._log = (folder / "log").open("wb")
        self._errors = (folder / "errors").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.script, str(folder), str(LIFETIME), *words],
            cwd=ROOT,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(folder),
                "XDG_RUNTIME_DIR": str(folder),
                "TMPDIR": str(folder),
                "LC_ALL": "C.UTF-8",
                "PYTHONUNBUFFERED": "1",
                "RES_OPTIONS": "timeout:1 attempts:1",  # libpurple asks for an SRV record first, of an address too
            },
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._errors,
        )

    def said(self) -> list[str]:
        """All it has said."""
        return (self.folder / "log").read_text(errors="replace").splitlines()

    def tell(self, *words: str) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")
        self._process.stdin.flush()

    def is_now(self, subject: str, what: str) -> None:
        """Wait until the last thing said of the subject is this."""

        def so() -> bool:
            assert self._process.poll() is None, f"the client has ended: {self._why()}"
            lines = [line.partition(" ")[2] for line in self.said() if line.partition(" ")[0] == subject]
            return bool(lines) and lines[-1] == what

        try:
            wait_until(so, f"“{subject} {what}”", 40)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self._why()}") from None

    def _why(self) -> str:
        return "\n".join([*self.said(), (self.folder / "errors").read_text(errors="replace")[-3000:]])

    def close(self) -> None:
        """End it: by the end of its input, else by force."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._errors.close()
