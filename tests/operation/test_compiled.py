"""The compiled form of the pure places: when it is taken, and when not."""

import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from cups_site import compiled


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A build of the present sources, of which one module is there."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if not isinstance(one, compiled._Finder)])
    compiled.folder.cache_clear()
    module = compiled.folder() / f"presence/engine/pidf{EXTENSION_SUFFIXES[0]}"
    module.parent.mkdir(parents=True)
    module.touch()
    yield module
    compiled.folder.cache_clear()


def _found(name: str) -> str | None:
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec.origin
    return None


def test_a_build_of_these_sources_is_taken(made: Path) -> None:
    assert compiled.use() and compiled.used()
    assert _found("presence.engine.pidf") == str(made)
    assert compiled.use() and sum(isinstance(one, compiled._Finder) for one in sys.meta_path) == 1


def test_a_build_of_other_sources_is_not(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who edits a source runs what was edited."""
    monkeypatch.setattr(compiled, "PLACES", compiled.PLACES[:1])
    compiled.folder.cache_clear()
    assert not compiled.use() and not compiled.used()


def test_it_can_be_switched_off(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPS_COMPILED", "0")
    assert not compiled.use() and not compiled.used()


def test_only_pure_places_are_compiled() -> None:
    """What `lint-imports` keeps free of Django, sockets, the clock, settings and threads."""
    contract = (compiled.ROOT / "pyproject.toml").read_text()
    assert len(compiled.sources()) > 20
    for place in compiled.PLACES:
        assert f'"{place.replace("/", ".")}"' in contract
