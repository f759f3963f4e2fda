"""Live objects are ended and sent again in the admin: a second look first, then an edge is asked."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from presence.models import Subscription
from tests.presence.test_acts import ANN, JOE, Edges, edges

__all__ = ["edges"]

pytestmark = pytest.mark.django_db

PAGE = "/admin/presence/subscription/"


@pytest.fixture(params=["Administrator", "Operator", "Help desk"])
def client(edges: Edges, request: pytest.FixtureRequest) -> Client:
    """Of staff who may act on live objects."""
    return staff(request.param)


def staff(role: str) -> Client:
    user = User.objects.create_user(f"{role} kim", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    made = Client()
    made.force_login(user)
    return made


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_several_are_ended_after_a_second_look(edges: Edges, client: Client) -> None:
    assert "End the selected subscriptions" in text(client.get(PAGE))
    chosen = {"action": "end", "_selected_action": ["1", "2"]}
    shown = text(client.post(PAGE, {**chosen, "index": "0"}))
    assert "End: 2 subscriptions" in shown and f"{ANN} watches {JOE}" in shown and "Leave it as it is" in shown
    assert edges.asked == [], "nothing has happened so far"
    edges.refusals[2] = (404, "This subscription has ended already.")
    said = text(client.post(PAGE, {**chosen, "confirmed": "yes", "reason": "rejected"}, follow=True))
    assert edges.asked == [("edge-1", "subscription.end", {"ids": [1, 2], "reason": "rejected"})]
    assert "1 subscription was ended." in said
    assert f"{ANN} watches {JOE}: This subscription has ended already." in said


def test_one_is_ended_from_its_page(edges: Edges, client: Client) -> None:
    assert f"{PAGE}1/end/" in text(client.get(f"{PAGE}1/change/"))
    assert "What the watcher is told" in text(client.get(f"{PAGE}1/end/"))
    assert client.post(f"{PAGE}1/end/").status_code == 200 and edges.asked == []
    client.post(f"{PAGE}1/end/", {"confirmed": "yes", "reason": "no such reason"})
    assert edges.asked == [("edge-1", "subscription.end", {"ids": [1], "reason": "deactivated"})]
    for nothing in ("999", "abc", "9" * 30):
        assert client.get(f"{PAGE}{nothing}/end/").status_code == 404


def test_what_ends_nothing_is_done_at_once_from_the_list(edges: Edges, client: Client) -> None:
    """From the page of one, which is reached by a link, only by the button there."""
    said = text(client.post(PAGE, {"action": "resend", "_selected_action": ["3"], "index": "0"}, follow=True))
    assert "1 subscription was sent the state again." in said
    client.get(f"{PAGE}3/resend/")
    client.post(f"{PAGE}3/resend/", {"confirmed": "yes"})
    assert edges.asked == [("edge-2", "subscription.resend", {"ids": [3]})] * 2


def test_nobody_answers(edges: Edges, client: Client) -> None:
    edges.silent = {"edge-1"}
    said = text(client.post(f"{PAGE}1/end/", {"confirmed": "yes"}, follow=True))
    assert "Edge edge-1 has not answered; whether it was done is not known." in said and "was ended" not in said


def test_the_history_of_a_row_says_who_did_what(edges: Edges, client: Client) -> None:
    client.post(f"{PAGE}1/end/", {"confirmed": "yes", "reason": "giveup"})
    client.post(f"{PAGE}1/resend/", {"confirmed": "yes"})
    said = text(client.get(f"{PAGE}1/history/"))
    assert "Ended (giveup) by Administration" in said and "The state was sent again by Administration" in said
    assert " kim" in said


def test_publications(edges: Edges, client: Client) -> None:
    page = "/admin/presence/publication/"
    assert f"7-1 of {JOE}, eyeBeam" in text(client.get(f"{page}7/end/"))
    assert "1 publication was ended." in text(client.post(f"{page}7/end/", {"confirmed": "yes"}, follow=True))
    assert edges.asked == [("edge-1", "publication.end", {"ids": [7]})]


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("/admin/sipedge/binding/", ["end"]),
        ("/admin/presence/backendsubscription/", ["refresh", "end"]),
    ],
)
def test_other_tables_have_their_pages(edges: Edges, client: Client, page: str, names: list[str]) -> None:
    assert client.get(page).status_code == 200
    for name in names:
        assert client.get(f"{page}1/{name}/").status_code == 404, "no such row, but such a page"


def test_an_auditor_looks_and_does_nothing(edges: Edges) -> None:
    auditor = staff("Auditor")
    assert "End the selected" not in text(auditor.get(PAGE)) and f"{PAGE}1/end/" not in text(
        auditor.get(f"{PAGE}1/change/")
    )
    for address in (f"{PAGE}1/end/", f"{PAGE}1/resend/", "/admin/presence/publication/7/end/"):
        assert auditor.get(address).status_code == 403
        assert auditor.post(address, {"confirmed": "yes"}).status_code == 403
    auditor.post(PAGE, {"action": "end", "_selected_action": ["1"], "confirmed": "yes"})
    assert edges.asked == []


def test_too_many_are_refused(edges: Edges, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence.acts_pages.AT_ONCE", 2)
    chosen = {"action": "resend", "_selected_action": ["1"], "select_across": "1", "index": "0"}
    assert Subscription.objects.count() == 3
    assert "At most 2 at once." in text(staff("Operator").post(PAGE, chosen, follow=True))
    assert edges.asked == []
