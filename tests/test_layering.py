"""The arrows between packages and the purity of the pure places (also guarded by import-linter in ./run check)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "provisioning": set(),
    "presence": {"provisioning"},
    "cti": {"provisioning"},
    "sipedge": {"presence", "cti", "provisioning"},
}
PURE = (
    "provisioning/uri.py", "presence/engine", "cti/csta", "sipedge/sip",
    "sipedge/phone/screens.py", "sipedge/phone/icons.py", "sipedge/phone/pages",
    *(f"sipedge/trace/{name}.py" for name in ("ring", "masking", "reading", "filters", "ladder", "export")),
)  # fmt: skip
IMPURE = {
    "django", "rest_framework", "celery", "channels", "redis", "structlog", "socket", "asyncio", "threading", "time",
    "logging", "os", "random", "secrets", "subprocess",
}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    """Top-level packages that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def files(place: str) -> list[Path]:
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_its_arrows_allow(package: str) -> None:
    ours = {"cups_site", *ALLOWED}
    for path in files(package):
        for name in imports(path):
            top = name.partition(".")[0]
            assert top not in ours - ALLOWED[package] - {package}, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("place", PURE)
def test_a_pure_place_has_no_way_to_the_world(place: str) -> None:
    for path in files(place):
        for name in imports(path):
            assert name.partition(".")[0] not in IMPURE, f"{path.relative_to(ROOT)} imports {name}"


def test_the_package_files_stay_empty() -> None:
    for package in ("cups_site", *ALLOWED):
        assert not (ROOT / package / "__init__.py").read_text().strip()


def test_every_test_directory_is_a_package() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        assert (path.parent / "__init__.py").exists(), path
