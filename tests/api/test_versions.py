"""Entity tags of rows: 304 for what is known already, 412 for who changes what somebody else has changed."""

import json
import threading
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from provisioning.api.versions import entity_tag, lock
from provisioning.api.views import PolicyViewSet
from provisioning.models import Domain, Persona, TrustedPeer
from tests.api.conftest import XTEN3
from tests.api.test_errors import is_problem
from tests.waiting import PATIENCE, wait_until

FIRST = "/api/v1/domains/{}/"


@pytest.fixture
def domain(api: APIClient) -> str:
    """The address of the domain."""
    return FIRST.format(Domain.objects.get().pk)


def test_what_is_known_is_not_sent_again(api: APIClient, domain: str) -> None:
    tag = api.get(domain)["ETag"]
    for known in (tag, f'W/{tag}, "x"', "*"):
        answer = api.get(domain, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
    assert api.head(domain)["ETag"] == tag
    assert api.get(domain, headers={"If-None-Match": '"other"'}).status_code == 200
    api.patch(domain, {"description": "ours"}, format="json")
    assert api.get(domain, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_change_of_what_is_no_more_is_refused(api: APIClient, domain: str, method: str) -> None:
    seen = api.get(domain)["ETag"]
    changed = api.patch(domain, {"description": "first"}, format="json", headers={"If-Match": seen})
    assert changed.status_code == 200 and changed["ETag"] != seen
    values = {"name": "compb.cisco.com", "description": "second"}
    for stale in (seen, f'"x", {seen}', f"W/{changed['ETag']}"):
        is_problem(getattr(api, method)(domain, values, format="json", headers={"If-Match": stale}), 412)
    assert api.get(domain).json()["description"] == "first"
    for fresh in (f'"x", {changed["ETag"]}', "*"):
        answer = getattr(api, method)(domain, values, format="json", headers={"If-Match": fresh})
        assert answer.status_code == (204 if method == "delete" else 200)
        if method == "delete":
            break


def test_the_tag_of_an_answer_is_that_of_the_row(api: APIClient) -> None:
    """Whoever has made or changed a row goes on with what the answer says, whatever spelling was sent."""
    values = {"uri": "Team@compb.cisco.com", "members": [{"uri": "B@X.example"}]}
    made = api.post("/api/v1/lists/", values, format="json")
    one = f"/api/v1/lists/{made.json()['id']}/"
    assert made["ETag"] == api.get(one)["ETag"] and made.json() == api.get(one).json()
    changed = api.patch(one, {"members": [{"uri": "a@x.example"}]}, format="json")
    assert changed["ETag"] == api.get(one)["ETag"] != made["ETag"], "parts belong to their row"


def test_what_is_not_shown_counts_and_is_not_told(api: APIClient) -> None:
    """A new password is a change; its digest cannot be tried against the tag, which is a keyed hash."""
    persona = Persona.objects.get(aor=XTEN3)
    one = f"/api/v1/users/{persona.pk}/"
    tags = [api.get(one)["ETag"]]
    for change in ({"password": "a"}, {"password": "b"}, {"pin": "1234"}):
        tags.append(api.patch(one, change, format="json")["ETag"])
    assert len(set(tags)) == 4
    Persona.objects.filter(pk=persona.pk).update(ever_published=True)
    assert api.get(one)["ETag"] == tags[-1], "that it has published is no change of what was provisioned"


def test_every_process_makes_the_same_tag(api: APIClient, settings: Any) -> None:
    """It is made of what is stored and of the deployment's key, of nothing else."""
    row, shown = Domain.objects.get(), {"id": 1}
    tag = entity_tag(row, shown, frozenset())
    assert tag == entity_tag(Domain.objects.get(), json.loads(json.dumps(shown)), frozenset())
    settings.SECRET_KEY = "another deployment"
    assert entity_tag(row, shown, frozenset()) != tag


def test_rows_that_cannot_be_changed_stay_under_their_own_rule(api: APIClient) -> None:
    peer = TrustedPeer.objects.create(network="192.0.2.1", automatic=True)
    one = f"/api/v1/trusted-peers/{peer.pk}/"
    is_problem(api.delete(one, headers={"If-Match": api.get(one)["ETag"]}), 400)
    is_problem(api.delete(one, headers={"If-Match": '"x"'}), 412)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_have_seen_the_same_one_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the second comes while the first has looked and not written yet."""
    domain = Domain.objects.create(name="race.example")
    user = get_user_model().objects.create_superuser("integrator")
    key = Token.objects.create(user=user).key
    one = FIRST.format(domain.pk)

    def client() -> APIClient:
        made = APIClient()
        made.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        return made

    seen = client().get(one)["ETag"]
    looked, statuses = threading.Barrier(2, timeout=PATIENCE), []
    save = PolicyViewSet.perform_update

    def slowly(self: Any, serializer: Any) -> None:
        try:
            looked.wait(0.5)  # the other one has come as far, which must not be
        except threading.BrokenBarrierError:
            pass
        save(self, serializer)

    monkeypatch.setattr(PolicyViewSet, "perform_update", slowly)

    def change(text: str) -> None:
        def attempt() -> int:
            answer = client().patch(one, {"description": text}, format="json", headers={"If-Match": seen})
            return 0 if answer.status_code == 503 else int(answer.status_code)  # SQLite in memory lets nobody wait

        statuses.append(wait_until(attempt, "an answer"))
        connections.close_all()

    threads = [threading.Thread(target=change, args=(text,)) for text in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(statuses) == [200, 412]


@pytest.mark.django_db
def test_rows_are_locked_where_the_database_can() -> None:
    with transaction.atomic(), connection.execute_wrapper(_Seen()) as seen:
        del seen
        lock(Domain, pk=1)
    assert (" FOR UPDATE" in _Seen.last) == connection.features.has_select_for_update


class _Seen:
    last = ""

    def __call__(self, execute: Any, sql: str, *rest: Any) -> Any:
        _Seen.last = sql
        return execute(sql, *rest)
