"""Buddies, ready-made messages and options of a user of the messenger."""

from typing import Any

import pytest

from provisioning import bus
from provisioning.models import Alias, CannedMessage, Domain, Persona, ResourceList, ResourceListMember
from sipedge.messenger import buddies, personal
from sipedge.messenger.buddies import Problem
from sipedge.models import MessengerSession

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Persona:
    domain = Domain.objects.create(name="example.org")
    for user, name in (("ann", "Ann Lee"), ("bob", "Bob Ray"), ("cy", ""), ("old", "Old Bob")):
        Persona(domain=domain, user=user, name=name, enabled=user != "old").save()
    return Persona.objects.get(user="ann")


def _shown(persona: Persona) -> dict[str, list[str]]:
    return {group["name"]: [member["uri"] for member in group["members"]] for group in buddies.groups(persona)}


def test_the_first_buddy_makes_the_list(
    ann: Persona, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """R-IM-01, R-LST-04: by any address of the user; edges hear of it."""
    heard: list[Any] = []
    monkeypatch.setattr(bus, "_publish", heard.append)
    Alias.objects.create(uri="sip:bobby@example.org", persona=Persona.objects.get(user="bob"))
    with django_capture_on_commit_callbacks(execute=True):
        buddies.add(ann, "bobby@example.org", group=None, most=100)
    assert [hint["parts"] for hint in heard] == [["lists"]] or "lists" in str(heard)
    assert ResourceList.objects.get().uri == "sip:ann.buddies@example.org"
    assert buddies.groups(ann)[0]["members"] == [{"uri": "sip:bob@example.org", "name": "Bob Ray"}]
    buddies.remove(ann, "sip:bob@example.org", group=None)
    assert _shown(ann) == {"Buddies": []}


@pytest.mark.parametrize("address", ["nobody@example.org", "bob@elsewhere.example", "old@example.org", "bob", "\0"])
def test_only_users_of_ours_can_be_added(ann: Persona, address: str) -> None:
    """R-IM-01: who is unknown or disabled is refused."""
    with pytest.raises(Problem, match="no such user"):
        buddies.add(ann, address, group=None, most=100)


def test_twice_and_too_many(ann: Persona) -> None:
    """R-IM-01: the operator's limit counts people, not entries."""
    buddies.add(ann, "bob@example.org", group=None, most=1)
    with pytest.raises(Problem, match="already"):
        buddies.add(ann, "bob@example.org", group=None, most=1)
    with pytest.raises(Problem, match="full"):
        buddies.add(ann, "cy@example.org", group=None, most=1)


def test_a_group_is_a_list_of_the_users_own(ann: Persona) -> None:
    """R-LST-04: a list within a list is no buddy, and nobody writes into somebody else's list."""
    team = ResourceList.objects.create(uri="sip:ann.team@example.org", owner=ann, name="The team")
    other = ResourceList.objects.create(uri="sip:all@example.org")
    ResourceListMember(list=team, uri="sip:all@example.org").save()
    ResourceListMember(list=team, uri="sip:eve@elsewhere.example", name="Eve").save()
    buddies.add(ann, "bob@example.org", group=team.pk, most=9)
    assert _shown(ann) == {"The team": ["sip:eve@elsewhere.example", "sip:bob@example.org"]}
    with pytest.raises(Problem):
        buddies.add(ann, "cy@example.org", group=other.pk, most=9)
    buddies.remove(ann, "sip:bob@example.org", group=other.pk)
    assert "sip:bob@example.org" in _shown(ann)["The team"]


def test_the_usual_address_of_the_list_is_taken(ann: Persona) -> None:
    """R-LST-04: somebody is called so."""
    Persona(domain=ann.domain, user="ann.buddies").save()
    buddies.add(ann, "bob@example.org", group=None, most=9)
    assert _shown(ann) == {"Buddies": ["sip:bob@example.org"]}


def test_the_search(ann: Persona) -> None:
    """R-IM-01: all words, in name or address, whatever their case; disabled users are not found."""
    assert buddies.search("BOB") == [{"uri": "sip:bob@example.org", "name": "Bob Ray"}]
    assert buddies.search("ray bo") == buddies.search("bob")
    assert [one["uri"] for one in buddies.search("cy@exam")] == ["sip:cy@example.org"]
    assert buddies.search("zz%") == []
    for few in ("", " b "):
        with pytest.raises(Problem):
            buddies.search(few)


def test_texts_of_ones_own(ann: Persona) -> None:
    """R-IM-01: after those of the system, which nobody else can remove."""
    CannedMessage.objects.all().delete()
    bob = Persona.objects.get(user="bob")
    system = CannedMessage.objects.create(text="Yes", position=9)
    personal.add_text(ann, "  on   my way ")
    personal.add_text(bob, "of bob")
    assert [(one["text"], one["own"]) for one in personal.texts(ann)] == [("Yes", False), ("on my way", True)]
    for foreign in (system, CannedMessage.objects.get(owner=bob)):
        personal.remove_text(ann, foreign.pk)
    assert CannedMessage.objects.count() == 3
    for bad in ("   ", "x" * 300):
        with pytest.raises(Problem):
            personal.add_text(ann, bad)


def test_options_have_known_values(ann: Persona) -> None:
    """R-IM-01: kept with the log-in."""
    session = MessengerSession(id="1", persona=ann, kind="web", expires_at="2100-01-01T00:00Z")
    session.save()
    assert personal.choose(session, {"sound": True, "theme": "dark"})["theme"] == "dark"
    for bad in ({"sound": 1}, {"theme": "pink"}, {"other": True}, {"sound": None}):
        with pytest.raises(Problem):
            personal.choose(session, bad)
    assert personal.options(MessengerSession.objects.get()) == {
        "sound": True, "notify": False, "offline": True, "theme": "dark"
    }  # fmt: skip
