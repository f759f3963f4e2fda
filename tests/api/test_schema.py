"""The OpenAPI document: complete, without a word of complaint, with examples that work; and its page, offline."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from provisioning.models import Domain, Persona

pytestmark = pytest.mark.django_db

MAIN = ("domains", "users", "aliases", "uri-acls", "privacy-lists", "lists", "webhooks", "listeners", "lines", "tokens")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_is_made_without_warnings_and_errors() -> None:
    GENERATOR_STATS.reset()
    call_command("spectacular", "--fail-on-warn", stdout=io.StringIO())


def test_every_operation_says_what_can_go_wrong(document: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, method, operation in operations(document):
        answers = operation["responses"]
        assert {"401", "403", "406", "429", "503"} <= set(answers), (path, method)
        if "{" in path:
            assert "404" in answers
        if "requestBody" in operation:
            assert {"400", "409", "413", "415"} <= set(answers)
        for status, answer in answers.items():
            if int(status) >= 400:
                assert answer["content"] == {"application/problem+json": {"schema": problem}}, (path, method, status)
        assert "x-problems" not in operation


def test_versions_and_repeats_are_described(document: dict[str, Any]) -> None:
    one = document["paths"]["/api/v1/users/{id}/"]
    for method in ("put", "patch", "delete"):
        assert "If-Match" in {parameter["name"] for parameter in one[method]["parameters"]}
        assert "412" in one[method]["responses"]
    assert "ETag" in one["get"]["responses"]["200"]["headers"] and "304" in one["get"]["responses"]
    for path, method, operation in operations(document):
        named = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert ("Idempotency-Key" in named) == (method == "post"), path
    every = document["paths"]["/api/v1/users/"]
    assert {"get", "post", "put", "patch", "delete"} == set(every)
    assert every["delete"]["requestBody"]["content"]["application/json"]["schema"]["items"] == {"type": "integer"}


@pytest.mark.parametrize("name", MAIN)
def test_the_examples_of_the_main_resources_work(document: dict[str, Any], name: str) -> None:
    domain = Domain.objects.create(name="example.org")
    if name == "domains":
        domain.delete()
    elif name != "users":
        Persona(domain=domain, user="alice").save()
    body = document["paths"][f"/api/v1/{name}/"]["post"]["requestBody"]["content"]["application/json"]
    (shown,) = body["examples"].values()
    api = APIClient()
    api.force_authenticate(get_user_model().objects.create_superuser("integrator"))
    made = api.post(f"/api/v1/{name}/", shown["value"], format="json")
    assert made.status_code == 201, made.json()


def test_the_page_of_the_document_works_offline(api: APIClient) -> None:
    page = api.get("/api/v1/docs/").content.decode()
    assert "swagger-ui" in page
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded and all(address.startswith(("/", "data:")) for address in loaded)
    assert not re.findall(r"https?://", page)
