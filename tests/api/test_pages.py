"""Pages of lists: by number, or by walking through everything; and their order."""

import pytest
from rest_framework.test import APIClient

from provisioning.models import Domain
from tests.api.test_errors import is_problem

pytestmark = pytest.mark.django_db

DOMAINS = "/api/v1/domains/"


@pytest.fixture
def names(api: APIClient) -> list[str]:
    """Domains whose names run against their ids; by id."""
    return [Domain.objects.create(name=f"d{number}.example").name for number in range(9, 0, -1)]


def test_a_walk_meets_every_row_once_whatever_comes_and_goes(api: APIClient, names: list[str]) -> None:
    address, met = f"{DOMAINS}?cursor=&limit=2&search=example", []
    while address:
        page = api.get(address).json()
        assert page["count"] is None and page["previous"] is None
        met += [one["name"] for one in page["results"]]
        address = page["next"]
        Domain.objects.filter(name=met[0]).delete()
        Domain.objects.get_or_create(name="d5a.example")
    assert met == [*names, "d5a.example"]


def test_a_walk_costs_no_count(api: APIClient, names: list[str], django_assert_num_queries: object) -> None:
    with django_assert_num_queries(2):  # type: ignore[operator]  # token, rows
        assert len(api.get(DOMAINS, {"cursor": ""}).json()["results"]) == 10


def test_pages_by_number_are_counted(api: APIClient, names: list[str]) -> None:
    page = api.get(DOMAINS, {"limit": 3, "offset": 3, "ordering": "-name"}).json()
    assert page["count"] == 10 and [one["name"] for one in page["results"]] == names[3:6]
    assert "offset=6" in page["next"] and page["previous"]


@pytest.mark.parametrize("query", [{"offset": "0"}, {"ordering": "name"}, {"limit": "0"}])
def test_a_walk_has_one_order(api: APIClient, query: dict[str, str]) -> None:
    assert set(is_problem(api.get(DOMAINS, {"cursor": "", **query}), 400)["errors"]) == set(query)


def test_equal_rows_keep_an_order_over_pages(api: APIClient) -> None:
    for number in range(6):
        api.post("/api/v1/sources/", {"value": f"s{number}", "priority": 3}, format="json")
    for order in ("priority", "-priority"):
        found = []
        for offset in range(0, 6, 2):
            query = {"limit": 2, "offset": offset, "ordering": order, "search": "s"}
            found += [one["value"] for one in api.get("/api/v1/sources/", query).json()["results"]]
        assert len(set(found)) == 6
