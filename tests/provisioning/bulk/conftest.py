"""Fixtures of imports."""

from typing import Any

import pytest

from provisioning import bus
from provisioning.bulk import applying, undoing
from provisioning.models import Domain
from tests.provisioning.bulk.trials import DOMAIN


@pytest.fixture
def domain(db: None) -> Domain:
    return Domain.objects.create(name=DOMAIN)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else writes."""
    monkeypatch.setattr(applying, "PAUSE", 0.0)
    monkeypatch.setattr(undoing, "PAUSE", 0.0)


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    heard: list[Any] = []
    monkeypatch.setattr(bus, "_publish", heard.append)
    return heard
