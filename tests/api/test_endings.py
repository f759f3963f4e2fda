"""What can be ended by REST: log-ins to the messenger, and messages that wait."""

from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from provisioning import asking
from provisioning.models import Persona
from sipedge.models import MessengerSession, StoredMessage
from tests.api.conftest import XTEN3
from tests.api.test_errors import is_problem

pytestmark = pytest.mark.django_db


def test_a_log_in_is_ended_where_it_is(api: APIClient) -> None:
    xten3, now = Persona.objects.get(aor=XTEN3), timezone.now()
    for id, until in (("one", now + timedelta(hours=1)), ("old", now)):
        MessengerSession.objects.create(id=id, persona=xten3, kind="web", edge="edge-1", expires_at=until)
    (found,) = api.get("/api/v1/log-ins/").json()["results"]
    assert (found["id"], found["persona"]) == ("one", XTEN3)
    with mock.patch.object(asking, "ask_now") as asked:
        assert api.delete("/api/v1/log-ins/one/").status_code == 204
    asked.assert_called_once_with("edge-1", "messenger.log_out", session="one")
    assert not MessengerSession.objects.filter(id="one").exists()
    is_problem(api.delete("/api/v1/log-ins/one/"), 404)


def test_a_message_that_waits_is_taken_back(api: APIClient) -> None:
    now = timezone.now()
    for id in (1, 2):
        StoredMessage.objects.create(
            id=id, version=1, persona=Persona.objects.get(aor=XTEN3), sender="sip:a@b.example", recipient=XTEN3,
            content_type="text/plain", body=b"hello \xff", created_at=now, updated_at=now,
            expires_at=now + timedelta(hours=1),
        )  # fmt: skip
    found = api.get("/api/v1/kept-messages/1/").json()
    assert (found["sender"], found["text"]) == ("sip:a@b.example", "hello \ufffd")
    assert api.delete("/api/v1/kept-messages/1/").status_code == 204
    assert list(StoredMessage.objects.values_list("id", flat=True)) == [2]
    with mock.patch("sipedge.api.logins.store.commit", return_value=[object()]):
        is_problem(api.delete("/api/v1/kept-messages/2/"), 412)
