"""Buddies as a phone knows them (R-IM-01)."""

import pytest

from provisioning.models import Alias, Domain, MessengerSettings, Persona, ResourceList
from provisioning.uri import Aor
from sipedge.messenger import buddies, contacts

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Persona:
    domain = Domain.objects.create(name="a.example")
    for user in ("alice", "bob", "carol", "dave"):
        Persona.objects.create(domain=domain, user=user)
    bob = Persona.objects.get(user="bob")
    bob.name = "Bob"
    bob.save()
    Alias.objects.create(uri=Aor("sip:+4711@a.example"), persona=bob)
    found: Persona = Persona.objects.get(user="alice")
    return found


def test_contacts_are_members_of_the_users_own_list(alice: Persona) -> None:
    """R-IM-01, R-LST-04: by user ID, extension or address, once; the list is made when there is none."""
    assert contacts.add(alice, " +4711 ") == "sip:bob@a.example"
    owned = ResourceList.objects.get(owner=alice)
    assert (owned.uri, contacts.held(alice)) == ("sip:alice.buddies@a.example", {"sip:bob@a.example"})
    for _ in range(2):
        buddies.remove(alice, "sip:bob@a.example", group=None)
    assert contacts.held(alice) == set()


def test_who_cannot_be_added(alice: Persona) -> None:
    """R-IM-01: oneself, nobody, one who is there, and more than the operator allows."""
    MessengerSettings.objects.update_or_create(pk=1, defaults={"contacts": 2})
    contacts.add(alice, "bob")
    contacts.add(alice, "carol")
    for text, why in (
        ("alice", contacts.INVALID),
        ("@", contacts.INVALID),
        ("", contacts.INVALID),
        ("nobody", buddies.UNKNOWN),
        ("X@Other.Example", buddies.UNKNOWN),
        ("bob@a.example", buddies.DUPLICATE),
        ("dave", buddies.FULL),
    ):
        with pytest.raises(contacts.NotAdded) as refused:
            contacts.add(alice, text)
        assert refused.value.why == why, text


def test_names_and_numbers(alice: Persona) -> None:
    """R-IM-01: as the user calls them, else as provisioned, else the user part; an extension is dialled first."""
    contacts.add(alice, "bob")
    uris = ["sip:bob@a.example", "sip:carol@a.example", "sip:4720@other.example"]
    assert list(contacts.names(alice, uris).values()) == ["Bob", "carol", "4720"]
    assert list(contacts.numbers(uris).values()) == ["+4711", "carol@a.example", "4720"]
    ResourceList.objects.get(owner=alice).members.update(name="Bobby")
    assert contacts.names(alice, uris)["sip:bob@a.example"] == "Bobby"
