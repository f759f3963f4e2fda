"""Whatever is sent, the answer is one that the OpenAPI document names, in the form that it names; no fault of ours.

Requests are made up by schemathesis, valid ones and others, always the same ones; CUPS_FUZZ_EXAMPLES asks for more of
them. Beside them every parameter and every field meets values that have broken programs before.
"""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from rest_framework.test import APIClient
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("CUPS_FUZZ_EXAMPLES", "1"))
"Requests for each operation and mode: all together take about a minute."

MANY = ("access-list", "sources", "users")
"Resources whose operations on many rows are tried; those of the others are the same code."

OTHER_QUESTIONS = [
    checks.positive_data_acceptance,  # rules of models are more than a schema can say
    checks.negative_data_rejection,  # what is superfluous is passed over
    checks.missing_required_header,
    checks.unsupported_method,
    checks.ignored_auth,
]

AWAY = {503}
"No edge runs here."

SHARED = ("limit", "offset", "cursor", "ordering", "search")
"Parameters that all lists have, by the same code."

HOSTILE = ["\0", "\ud800", "a" * 9_000, "9" * 400, "-1"]

VALUES: list[Any] = ["\0", "\ufffe", "a" * 70_000, 10**400, -(2**63) - 1, [], {"a": [{}]}]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))  # type: ignore


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """As with Django's own test client: a request does not close the connection whose transaction the test undoes."""
    signals = request_started, request_finished
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _quiet(settings: Any) -> Iterator[None]:
    """Thousands of refusals need not be logged."""
    settings.CUPS_API_RATE = 0
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def undone(work: Callable[[], Any]) -> Any:
    """Do something, and take back what it has changed."""
    point = transaction.savepoint()
    try:
        return work()
    finally:
        transaction.savepoint_rollback(point)


def is_tried(path: str, operation: str) -> bool:
    return "bulk" not in operation or path.split("/")[3] in MANY


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_answers_are_as_they_are_described(api: APIClient, document: dict[str, Any], mode: GenerationMode) -> None:
    app, headers = get_wsgi_application(), {"Authorization": api._credentials["HTTP_AUTHORIZATION"]}
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if not is_tried(operation.path, operation.definition.raw["operationId"]):
            continue

        attempt = _attempt(app, headers)
        unhurried = settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        with contextlib.suppress(Unsatisfiable):  # whatever stands in its path is valid
            seed(1)(unhurried(given(case=operation.as_strategy(generation_mode=mode))(attempt)))()
            tried += 1
    assert tried > 100


def _attempt(app: Any, headers: dict[str, str]) -> Callable[[Any], None]:
    def send(case: Any) -> None:
        response = case.call(app=app, headers=headers)
        excluded = [*OTHER_QUESTIONS, *([not_a_server_error] if response.status_code in AWAY else [])]
        case.validate_response(response, excluded_checks=excluded)

    def attempt(case: Any) -> None:
        undone(lambda: send(case))

    return attempt


def allowed(document: dict[str, Any], path: str, method: str) -> set[int]:
    return {int(status) for status in document["paths"][path][method]["responses"]}


def test_no_parameter_breaks_a_list(api: APIClient, document: dict[str, Any]) -> None:
    """NUL characters, halves of characters, numbers beyond all columns, orders and filters that are none."""
    asked = 0
    for path, methods in document["paths"].items():
        if "get" not in methods or "{" in path:
            continue
        for parameter in methods["get"].get("parameters", ()):
            if parameter["in"] != "query" or (parameter["name"] in SHARED and path != "/api/v1/users/"):
                continue
            for text in HOSTILE:
                value = text.encode("utf-8", "surrogatepass")
                answer = api.get(path, {parameter["name"]: value})
                assert answer.status_code in allowed(document, path, "get"), (path, parameter["name"], text[:50])
                asked += 1
    assert asked > 400


def test_no_value_breaks_a_row(api: APIClient, document: dict[str, Any]) -> None:
    """Every field of everything that can be made meets every value, beside an example where there is one."""
    asked = 0
    for path, methods in document["paths"].items():
        body = methods.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if body is None or "{" in path:
            continue
        schema = body["schema"]
        name = (schema["oneOf"][0] if "oneOf" in schema else schema)["$ref"].rpartition("/")[2]
        example = next(iter(body.get("examples", {}).values()), {"value": {}})["value"]
        for field in document["components"]["schemas"][name]["properties"]:
            for value in VALUES:
                text = json.dumps({**example, field: value})
                answer = undone(
                    lambda path=path, text=text: api.generic("POST", path, text, content_type="application/json")
                )
                assert answer.status_code in allowed(document, path, "post"), (path, field, str(value)[:50])
                asked += 1
    assert asked > 500
