"""Who may watch whom, and how much of it: access lists and privacy lists (D-15, R-SUB-09, R-CMP-04)."""

from typing import NamedTuple

import pytest

from presence.engine.authorization import Effect, authorize

ANN = "sip:ann@cisco.com"
ANNS_ALIAS = "sip:ann.smith@cisco.com"
ALLOW, BLOCK, POLITE, CONFIRM = Effect.ALLOW, Effect.BLOCK, Effect.POLITE_BLOCK, Effect.CONFIRM


class Acl(NamedTuple):
    default: str = "block"
    uris: dict[str, str] = {}
    domains: dict[str, str] = {}


class Privacy(NamedTuple):
    kind: str
    name: str = ""
    filter: str = "none"
    hidden: frozenset[str] = frozenset()
    uris: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()


def decide(*, addresses=(ANN,), watcher=4, acl=None, privacy=(), allow_by_default=True, confirm=False):
    return authorize(
        addresses=addresses,
        watcher_persona=watcher,
        presentity_persona=3,
        allow_by_default=allow_by_default,
        acl=acl,
        privacy=privacy,
        confirm=confirm,
    )


@pytest.mark.parametrize("allow_by_default", [True, False])
def test_the_presentity_always_sees_itself_unfiltered(allow_by_default):
    """D-15: whatever the default and the lists are."""
    decision = decide(
        watcher=3,
        acl=Acl("block", {ANN: "block"}),
        privacy=[Privacy("blocked", uris=frozenset({ANN})), Privacy("default", filter="person_only")],
        allow_by_default=allow_by_default,
        confirm=True,
    )
    assert (decision.effect, decision.filter) == (ALLOW, "none") and "own" in decision.why


@pytest.mark.parametrize("watcher", [None, 4])
@pytest.mark.parametrize(("allow_by_default", "effect"), [(True, ALLOW), (False, BLOCK)])
def test_without_a_list_the_setting_decides(watcher, allow_by_default, effect):
    """D-15, R-NTF-01: everyone, or nobody when the operator set it so; the decision says why."""
    decision = decide(watcher=watcher, allow_by_default=allow_by_default)
    assert decision.effect is effect and "default" in decision.why


@pytest.mark.parametrize(
    ("acl", "effect", "said"),
    [
        (Acl(), BLOCK, "default"),
        (Acl("allow"), ALLOW, "default"),
        (Acl("polite_block"), POLITE, "default"),
        (Acl("allow", {ANN: "block"}), BLOCK, ANN),
        (Acl("block", {ANN: "allow"}), ALLOW, ANN),
        (Acl("block", {ANN: "polite_block"}), POLITE, ANN),
        (Acl("block", {}, {"cisco.com": "allow"}), ALLOW, "domain cisco.com"),
        (Acl("allow", {}, {"cisco.com": "block"}), BLOCK, "domain cisco.com"),
        (Acl("block", {ANN: "allow"}, {"cisco.com": "block"}), ALLOW, ANN),
        (Acl("allow", {ANN: "block"}, {"cisco.com": "allow"}), BLOCK, ANN),
        (Acl("allow", {"sip:bob@cisco.com": "block"}, {"example.org": "block"}), ALLOW, "default"),
        (Acl("allow", {}, {"sub.cisco.com": "block"}), ALLOW, "default"),
    ],
)
def test_the_most_specific_entry_wins(acl, effect, said):
    """R-SUB-09, D-15: URI, then domain, then the list's default; the setting counts no more."""
    for allow_by_default in (True, False):
        decision = decide(acl=acl, allow_by_default=allow_by_default)
        assert decision.effect is effect and said in decision.why


def test_an_entry_means_the_user_by_whatever_address():
    """D-01, D-15: an alias in the list is the same user."""
    acl = Acl("block", {ANNS_ALIAS: "allow"})
    assert decide(addresses=(ANN, ANN, ANNS_ALIAS), acl=acl).effect is ALLOW
    assert decide(addresses=(ANN,), acl=acl).effect is BLOCK


@pytest.mark.parametrize(
    ("privacy", "effect", "filter"),
    [
        ([], ALLOW, "none"),
        ([Privacy("default", filter="im_only")], ALLOW, "im_only"),
        ([Privacy("blocked", uris=frozenset({ANN}))], POLITE, "none"),
        ([Privacy("blocked", domains=frozenset({"cisco.com"}))], POLITE, "none"),
        (
            [
                Privacy("blocked", domains=frozenset({"cisco.com"})),
                Privacy("custom", "friends", "phone_only", uris=frozenset({ANN})),
            ],
            ALLOW,
            "phone_only",
        ),
        (
            [
                Privacy("blocked", uris=frozenset({ANN})),
                Privacy("custom", "friends", "phone_only", uris=frozenset({ANN})),
            ],
            POLITE,
            "none",
        ),
        (
            [
                Privacy("blocked", domains=frozenset({"cisco.com"})),
                Privacy("custom", "colleagues", "phone_only", domains=frozenset({"cisco.com"})),
            ],
            POLITE,
            "none",
        ),
        (
            [
                Privacy("custom", "colleagues", "person_only", domains=frozenset({"cisco.com"})),
                Privacy("custom", "friends", "video_only", uris=frozenset({ANN})),
                Privacy("default", filter="im_only"),
            ],
            ALLOW,
            "video_only",
        ),
    ],
)
def test_privacy_lists_say_what_is_shown(privacy, effect, filter):
    """D-15, D-16, R-CMP-04: blocked, then custom by URI, then custom by domain, then default."""
    decision = decide(privacy=privacy)
    assert (decision.effect, decision.filter) == (effect, filter)


def test_a_blocked_domain_loses_to_an_explicit_allow():
    """D-15: by URI in the access list; an allow by domain is not explicit."""
    blocked = [Privacy("blocked", domains=frozenset({"cisco.com"}))]
    assert decide(acl=Acl("block", {ANN: "allow"}), privacy=blocked).effect is ALLOW
    assert decide(acl=Acl("block", {}, {"cisco.com": "allow"}), privacy=blocked).effect is POLITE


def test_the_access_list_is_asked_first():
    """D-15: what the administrator blocks no privacy list allows."""
    friends = [Privacy("custom", "friends", uris=frozenset({ANN}))]
    assert decide(acl=Acl("block"), privacy=friends).effect is BLOCK
    assert decide(acl=Acl("polite_block"), privacy=friends).effect is POLITE


def test_hidden_devices_come_with_the_list():
    """D-16."""
    decision = decide(privacy=[Privacy("default", hidden=frozenset({"mobile"}))])
    assert decision.hidden == {"mobile"} and decision.privacy


@pytest.mark.parametrize(
    ("acl", "privacy", "effect"),
    [
        (None, [], CONFIRM),
        (None, [Privacy("default", filter="im_only")], CONFIRM),
        (Acl("allow"), [], CONFIRM),
        (Acl("block", {ANN: "allow"}), [], ALLOW),
        (Acl("block", {}, {"cisco.com": "allow"}), [], ALLOW),
        (None, [Privacy("custom", "friends", uris=frozenset({ANN}))], ALLOW),
        (None, [Privacy("blocked", uris=frozenset({ANN}))], POLITE),
        (Acl("block"), [], BLOCK),
    ],
)
def test_unknown_watchers_wait_for_the_presentity(acl, privacy, effect):
    """D-15: pending until some list names them."""
    assert decide(acl=acl, privacy=privacy, confirm=True).effect is effect
