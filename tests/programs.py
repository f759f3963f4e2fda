"""Outside programs and libraries that some tests need: skipped where missing, except where they have to be there."""

import ctypes.util
import os
import shutil

import pytest


def needs_program(name: str) -> str:
    """The path of a program. Missing: the test is skipped, or fails where CUPS_REQUIRE_PEERS is set."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is not None:
        return path
    if os.environ.get("CUPS_REQUIRE_PEERS"):
        pytest.fail(f"{name} is not installed, and this run has to have it")
    pytest.skip(f"{name} is not installed")


def needs_library(name: str) -> str:
    """The file name of a shared library, `purple` for libpurple. Missing: as with a program."""
    found = ctypes.util.find_library(name)
    if found is not None:
        return found
    if os.environ.get("CUPS_REQUIRE_PEERS"):
        pytest.fail(f"lib{name} is not installed, and this run has to have it")
    pytest.skip(f"lib{name} is not installed")


def needs_file(path: str) -> None:
    """A file that a program or library reads. Missing: as with a program."""
    if os.path.exists(path):
        return
    if os.environ.get("CUPS_REQUIRE_PEERS"):
        pytest.fail(f"{path} is not there, and this run has to have it")
    pytest.skip(f"{path} is not there")


def reference(name: str) -> str:
    """A folder of other people's test data under CUPS_REFERENCE; skipped where that is not set."""
    root = os.environ.get("CUPS_REFERENCE")
    if not root:
        pytest.skip("CUPS_REFERENCE does not name the folder of reference data")
    return os.path.join(root, name)
