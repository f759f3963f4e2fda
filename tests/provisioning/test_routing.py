"""Which route a request takes, by the policy alone."""

import pytest
from django.core.exceptions import ValidationError

from provisioning import patterns
from provisioning.models import MethodRoute, OutboundRule, StaticRoute
from provisioning.policy import MethodRouteFacts, Policy, RouteFacts, Settings


def route(
    pattern: str, hop: str, kind: str = "domain", priority: int = 1, weight: int = 1, less: bool = True
) -> RouteFacts:
    return RouteFacts(kind, pattern, hop, None, "", priority, weight, less)


@pytest.mark.parametrize(
    ("kind", "pattern", "text", "expected"),
    [
        ("domain", "partner.example", "Partner.Example", True),
        ("domain", "partner.example", "partnerxexample", False),
        ("domain", "*.example", "sip.partner.example", True),
        ("domain", "*.example", "example", False),
        ("domain", "sip*.example", "sip7.example", True),
        ("domain", "*", "anything.at.all", True),
        ("domain", "*.lab*.example", "a.lab.lab7.example", True),
        ("domain", "*.lab*.example", "a.lab.example", False),
        ("domain", "*a" * 60 + "*b", "a" * 2000, False),
        ("user", "+1408.......", "+14085551234", True),
        ("user", "+1408.......", "+1408555123", False),
        ("user", "91*", "91", True),
        ("user", "91*", "9155", True),
        ("user", "91*", "8155", False),
        ("user", r"\*7*", "*72", True),
        ("user", r"\*7*", "x72", False),
        ("user", "a-b", "a-b", True),
    ],
)
def test_a_pattern_means_what_it_says(kind: str, pattern: str, text: str, expected: bool) -> None:
    """D-02, R-FLW-03: of routes by domain and by number; many stars and a long name hold nobody up."""
    assert patterns.matches(kind, pattern, text) is expected


@pytest.mark.parametrize(
    ("kind", "pattern"), [("user", "9*1"), ("domain", ""), ("domain", "a b"), ("domain", "a\\b"), ("user", "x" * 256)]
)
def test_what_is_no_pattern_is_refused(kind: str, pattern: str) -> None:
    """D-02."""
    with pytest.raises(patterns.BadPattern):
        patterns.compiled(kind, pattern)


def test_the_most_specific_pattern_goes_first_then_priority_then_weight() -> None:
    """D-25: the lower priority first, then the higher weight; wider patterns follow where that is allowed."""
    policy = Policy(
        routes=(
            route("*", "last"),
            route("*.example", "wide"),
            route("partner.example", "c", priority=2, weight=9),
            route("partner.example", "b", priority=1, weight=1),
            route("partner.example", "a", priority=1, weight=5),
        )
    )
    hops = [one.next_hop for one in policy.static_routes("bob", "Partner.example.")]
    assert hops == ["a", "b", "c", "wide", "last"]
    assert [one.next_hop for one in policy.static_routes("bob", "other.test")] == ["last"]


def test_a_pattern_can_shut_out_wider_ones() -> None:
    """D-25: *allow less specific* off."""
    policy = Policy(routes=(route("*", "wide"), route("91*", "number", kind="user", less=False)))
    assert [one.next_hop for one in policy.static_routes("9155", "a.example")] == ["number"]
    assert [one.next_hop for one in policy.static_routes("55", "a.example")] == ["wide"]


def test_the_most_specific_outbound_rule_decides() -> None:
    """D-02: who may be reached."""
    policy = Policy(outbound={"*": False, "*.partner.example": True, "bad.partner.example": False})
    assert policy.may_reach("sip.partner.example")
    assert not policy.may_reach("bad.partner.example")
    assert not policy.may_reach("elsewhere.test")
    assert Policy().may_reach("elsewhere.test")


def test_an_event_route_goes_before_a_method_route() -> None:
    """R-ARC-05, R-FLW-03: method and event routing, which can be switched off."""
    by_method = MethodRouteFacts("method", "SUBSCRIBE", "one.example", None, "")
    by_event = MethodRouteFacts("event", "dialog", "two.example", None, "")
    policy = Policy(method_routes=(by_method, by_event))
    assert policy.method_route("SUBSCRIBE", "dialog") == by_event
    assert policy.method_route("SUBSCRIBE", "presence") == by_method
    assert policy.method_route("MESSAGE", None) is None
    off = Policy(method_routes=(by_method,), settings=Settings(method_event_routing=False))
    assert off.method_route("SUBSCRIBE", None) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row",
    [
        StaticRoute(pattern="a.example"),
        StaticRoute(kind="user", pattern="9*9", next_hop="a.example"),
        MethodRoute(name="x", token="two words"),
        MethodRoute(name="x", token="ACK"),
        OutboundRule(pattern="a b"),
    ],
)
def test_a_row_that_means_nothing_is_refused(row: StaticRoute | MethodRoute | OutboundRule) -> None:
    """D-02."""
    with pytest.raises(ValidationError):
        row.clean()


@pytest.mark.django_db
def test_the_usual_routes_are_there_from_the_start() -> None:
    """R-ARC-05: PUBLISH and presence subscriptions go to the engine, and one can see it."""
    assert set(MethodRoute.objects.values_list("token", "next_hop")) == {("PUBLISH", ""), ("presence", "")}
