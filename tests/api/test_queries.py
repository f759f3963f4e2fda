"""A list costs the same number of queries for any length: of every resource."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from cti.models import Line
from cups_site.api import router
from presence.models import EdgeLease
from provisioning import models as p
from provisioning.models import Persona
from tests.api.conftest import DOMAIN

pytestmark = pytest.mark.django_db

LISTS = {
    prefix: view
    for prefix, view, _ in router.registry
    if hasattr(view, "list")
    and getattr(view, "serializer_class", None) is not None
    and prefix != "telephony"
    and view.queryset.model._meta.managed  # changes have no rows of their own
}
"Resources that are rows."

MOST = 6
"Token, count, rows, and what belongs to the rows table by table."

ONE_ROW = {"settings", "limits", "messenger-settings", "cti-settings", "expiry"}
"There are as many rows as there are."


def value(field: models.Field, number: int) -> Any:
    """Something that a column takes, other for each number."""
    if field.choices:
        return field.flatchoices[0][0]
    kind = field.get_internal_type()
    if kind == "CharField" and type(field).__name__ == "AorField":
        return f"sip:row{number}@{DOMAIN}"
    found = {
        "BooleanField": False, "JSONField": [], "BinaryField": b"x", "FloatField": 1.0,
        "DateTimeField": timezone.now() + timedelta(hours=1), "GenericIPAddressField": f"192.0.2.{number}",
    }  # fmt: skip
    if kind in found:
        return found[kind]
    if "Integer" in kind or "AutoField" in kind:
        return 1000 + number
    return f"row{number}.example"[: field.max_length or None]


SPECIAL: dict[type[models.Model], Any] = {
    p.Alias: lambda n: {"uri": f"sip:alias{n}@{DOMAIN}"},
    p.TrustedPeer: lambda n: {"network": f"192.0.2.{n}", "tls_name": None},
    p.LimitExemption: lambda n: {"network": f"192.0.2.{n}"},
    p.WatcherFilter: lambda n: {"domain": f"d{n}.example", "client_type": "", "client_version": ""},
    p.PrivacyList: lambda n: {"kind": "custom", "name": f"list {n}"},
    p.Integrator: lambda n: {"persona": None, "watcher": f"sip:w{n}@example.net"},
    p.Webhook: lambda n: {"persona": None, "watcher": f"sip:w{n}@example.net"},
    p.ApiToken: lambda n: {"networks": "", "scopes": ["read"]},
    p.DirectoryRun: lambda n: {"counts": {}},
    Line: lambda n: {"uri": str(2000 + n), "control_link": ""},
    EdgeLease: lambda n: {"report": {}},
    p.ResourceList: lambda n: {"uri": f"sip:list{n}@{DOMAIN}"},
}


def fill(model: type[models.Model], number: int) -> models.Model:
    """One more row, with rows of its own that it leads to, and parts."""
    model = model._meta.concrete_model or model
    if model is User:
        return User.objects.create_user(f"account{number}")
    if model is Persona:
        persona = Persona(domain=p.Domain.objects.get(name=DOMAIN), user=f"row{number}")
        persona.save()
        return persona
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            values[field.name] = fill(field.related_model, number)
        elif not isinstance(field, models.AutoField):
            values[field.name] = value(field, number)
    row = model(**{**values, **SPECIAL.get(model, lambda n: {})(number)})
    models.Model.save(row, force_insert=True)
    return row


@pytest.mark.parametrize("prefix", sorted(set(LISTS) - ONE_ROW))
def test_a_list_costs_the_same_for_any_length(api: APIClient, prefix: str) -> None:
    model = LISTS[prefix].queryset.model
    counts = []
    for number in range(1, 5):
        fill(model, number)
        if number % 2:
            continue
        with CaptureQueriesContext(connection) as seen:
            answer = api.get(f"/api/v1/{prefix}/")
        assert answer.status_code == 200
        assert answer.json()["count"] >= number, "the rows are shown"
        counts.append(len(seen))
    assert counts[0] == counts[1] <= MOST, seen.captured_queries


@pytest.mark.parametrize("prefix", sorted(LISTS))
def test_every_list_can_be_walked_ordered_and_searched(api: APIClient, prefix: str) -> None:
    if prefix not in ONE_ROW:
        rows = {str(fill(LISTS[prefix].queryset.model, number).pk) for number in range(1, 4)}
        address, met = f"/api/v1/{prefix}/?cursor=&limit=2", []
        while address:
            page = api.get(address).json()
            met += [str(one.get("id", one.get("edge"))) for one in page["results"]]
            address = page["next"]
        assert rows <= set(met) and len(met) == len(set(met))
        assert LISTS[prefix].search_fields
        assert api.get(f"/api/v1/{prefix}/", {"search": "row1"}).status_code == 200
    assert api.get(f"/api/v1/{prefix}/", {"ordering": "nothing"}).status_code == 400
