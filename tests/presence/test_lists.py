"""Which presentities a list leads to."""

from dataclasses import replace

import pytest

from presence.engine.errors import MalformedDocument
from presence.lists import MAX_DEPTH, MAX_MEMBERS, members_of, sent_along
from provisioning.policy import ListFacts, PersonaFacts, Policy
from provisioning.uri import Aor


def aor(name: str) -> Aor:
    return Aor.parse(f"{name}@h")


def policy(**lists: list[str]) -> Policy:
    return Policy(
        lists={aor(name): ListFacts(aor(name), None, "", tuple(map(aor, members))) for name, members in lists.items()}
    )


def members(policy: Policy, *names: str) -> list[str]:
    return [uri.user for uri in members_of(policy, map(aor, names), aor("watcher"))]


def test_a_list_in_a_list_stands_for_its_members() -> None:
    """R-LST-05: in order, each once."""
    assert members(policy(team=["b", "c"], all=["a", "team", "b", "d"]), "all") == ["a", "b", "c", "d"]


def test_somebody_elses_list_is_not_opened() -> None:
    """R-LST-04: neither in a list that was sent along nor in one that everybody may watch; its owner sees it."""
    mine = ListFacts(aor("mine"), 7, "", (aor("secret"),))
    base = policy(all=["a", "mine"])
    owner = PersonaFacts(7, aor("owner"), "", True)
    current = replace(base, lists={**base.lists, aor("mine"): mine}, personas={7: owner}, aliases={aor("owner"): 7})
    assert members_of(current, [aor("all")], aor("watcher")) == [aor("a"), aor("mine")]
    assert members_of(current, [aor("mine")], aor("watcher")) == [aor("mine")]
    assert members_of(current, [aor("all")], aor("owner")) == [aor("a"), aor("secret")]


def test_a_list_that_contains_itself_is_followed_once() -> None:
    """RFC 4662 section 4.6: loops end."""
    assert members(policy(one=["a", "two"], two=["b", "one", "two"]), "one") == ["a", "b"]


def test_depth_and_number_are_bounded() -> None:
    """Limits: what is beyond them is left out, nothing fails."""
    chain = {f"l{n}": [f"m{n}", f"l{n + 1}"] for n in range(10)}
    assert members(policy(**chain), "l0") == [f"m{n}" for n in range(MAX_DEPTH)]
    assert len(members(policy(big=[f"m{n}" for n in range(2 * MAX_MEMBERS)]), "big")) == MAX_MEMBERS


def body(*uris: str) -> bytes:
    entries = "".join(f'<entry uri="{uri}"/>' for uri in uris)
    return (
        f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>{entries}</list></resource-lists>'
    ).encode()


def test_a_list_that_was_sent_along_is_canonical() -> None:
    """RFC 5367, D-01."""
    with pytest.raises(MalformedDocument):
        sent_along(body())
    assert sent_along(body("sip:A@H", "sips:A@h:5061;transport=tls", "b@h")) == ["sip:A@h", "sip:b@h"]


@pytest.mark.parametrize("uri", ["tel:+15551234", "not a uri", "sip:h"])
def test_an_entry_that_is_no_sip_address_is_refused(uri: str) -> None:
    with pytest.raises(MalformedDocument):
        sent_along(body(uri))
