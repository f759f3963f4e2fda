"""Requests for other domains: static routes, who may be reached, dialogs across two servers (D-02, D-22)."""

from collections.abc import Iterator

import pytest

from tests.flows.pair import FAR, THERE, Sites
from tests.foreign import Foreign
from tests.phone import DOMAIN, pidf
from tests.services import free_port, valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Deployment, Deployment]]:
    with valkey() as bus, valkey() as other, deployed(bus=bus) as here, deployed(bus=other, provisioned=FAR) as there:
        for one, target, hop in ((here, THERE, there), (there, DOMAIN, here)):
            one.apply(
                f"static_routes: [{{pattern: {target}, next_hop: 127.0.0.1, port: {hop.proxy}, transport: tcp}}]\n"
                "access_list: [{address: 127.0.0.1}]\n"
            )
            one.start_edge()
        yield here, there
        assert "Traceback" not in here.logs() + there.logs()


@pytest.fixture
def sites(pair: tuple[Deployment, Deployment]) -> Iterator[Sites]:
    found = Sites(*pair)
    yield found
    found.close()


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
def test_messages_go_to_another_domain_and_back(sites: Sites, transport: str) -> None:
    """R-ARC-07, R-MSG-01, R-MSG-03, D-02, D-22: the sender is named, and what the other server says comes back."""
    near, far = sites.near("u1", transport), sites.far("f1", transport)
    for one in (near, far):
        assert one.register().status == 200
    assert near.message(far.aor, "out").status == 200
    got = far.reads("out")
    assert got.get("P-Asserted-Identity") == f"<{near.aor}>" and len(got.vias) == 3
    assert far.message(near.aor, "and back").status == 200
    near.reads("and back")
    assert near.message(f"sip:f2@{THERE}", "nobody").status == 480
    assert near.message(f"sip:nobody@{THERE}", "nobody").status == 404


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
def test_a_subscription_to_another_domain_stays_on_the_path(sites: Sites, transport: str) -> None:
    """R-ARC-07, R-FLW-03, D-02, D-46: NOTIFYs come over the client's own connection, refreshes need no log-in."""
    near, far = sites.near("u2", transport), sites.far("f3")
    tag = far.publish(pidf(far.aor, activity="busy")).get("SIP-ETag")
    watch = near.subscribe(far.aor)
    assert watch.response.status == 200
    watch.sees("<rpid:busy/>")
    far.publish(pidf(far.aor, activity="meeting"), tag=tag)
    assert watch.sees("<rpid:meeting/>").get("Route") is None
    routes = [("Route", str(one)) for one in reversed(watch.response.record_routes)]
    target = watch.response.contacts[0].uri_text  # type: ignore[union-attr]
    in_dialog = {**watch.identity, "To": watch.response.get("To")}
    headers = [("Event", "presence"), ("Expires", "0"), *routes]
    assert near.ask("SUBSCRIBE", target, headers, login=False, **in_dialog).status == 200
    wait_until(
        lambda: "terminated" in (watch.notifies[-1].get("Subscription-State") or ""), "the end of the subscription"
    )


def test_a_guest_reaches_our_users_and_nobody_else(sites: Sites) -> None:
    """D-02, D-22: an entry of the access list is not challenged, but carried nowhere else; nor is a stranger."""
    with sites.here.phone(f"f9@{THERE}") as guest, sites.near("u3") as user:
        user.register()
        assert guest.message(user.aor, "let in", login=False).status == 200
        assert guest.message("sip:a@elsewhere.example", "not carried", login=False).status == 403
    with sites.near("u4") as stranger:
        assert stranger.message("sip:a@elsewhere.example", "not carried", login=False).status == 407


def test_an_operator_says_which_domains_may_be_reached(sites: Sites) -> None:
    """D-02: outbound rules, at once."""
    with sites.near("u5") as user:
        assert user.message(f"sip:f2@{THERE}").status == 480
        sites.here.apply("outbound_rules: [{pattern: '*.example', allow: false}]")
        wait_until(lambda: user.message(f"sip:f2@{THERE}").status == 403, "the rule")
        sites.here.apply(f"outbound_rules: [{{pattern: {THERE}, allow: true}}]")
        wait_until(lambda: user.message(f"sip:f2@{THERE}").status == 480, "the narrower rule")
        sites.here.apply("outbound_rules: [{pattern: '*.example', allow: true}]")


def test_a_request_that_came_too_far_or_in_a_circle(sites: Sites) -> None:
    """RFC 3261 16.3: 483 and 482; what the sender demands of proxies is 420."""
    with sites.near("u6") as user:
        assert user.message(f"sip:f1@{THERE}", Max_Forwards="0").status == 483
        assert user.message(f"sip:f1@{THERE}", Proxy_Require="magic").status == 420
        sites.here.apply(
            f"static_routes: [{{pattern: circle.example, next_hop: 127.0.0.1, port: {sites.there.proxy}}}]"
        )
        sites.there.apply(
            "users: [{uri: 'round@there.example', password: x}]\n"
            f"static_routes: [{{pattern: circle.example, next_hop: 127.0.0.1, port: {sites.here.proxy}}}]"
        )
        # The other server does not carry guests on, so the circle ends there.
        wait_until(lambda: user.message("sip:a@circle.example").status == 403, "the refusal")


def test_our_own_addresses_are_no_other_domain(sites: Sites) -> None:
    """R-SEC-03: a name that leads to our engine port is not followed: there a request of ours would be believed."""
    with sites.near("u7") as user:
        for target in (f"sip:u8@localhost:{sites.here.engine}", f"sip:u8@localhost:{sites.here.engine};transport=tcp"):
            assert user.message(target, "smuggled").status == 480
        assert user.message(f"sip:u8@127.0.0.1:{sites.here.engine}", "smuggled").status == 404


def test_the_next_server_is_tried_when_one_does_not_answer(sites: Sites) -> None:
    """D-25, RFC 3263 4.3: refused connection, silence, 503: each leads to the next route, which answers."""
    with Foreign() as silent, Foreign() as broken, Foreign() as well, sites.near("u8") as user:
        silent.answer = lambda request: None
        broken.refuse(503)
        dead = free_port()
        hops = [(dead, "tcp"), (silent.port, "udp"), (broken.port, "udp"), (well.port, "udp")]
        lines = ", ".join(
            f"{{pattern: many.example, next_hop: 127.0.0.1, port: {port}, transport: {transport}, priority: {number}}}"
            for number, (port, transport) in enumerate(hops, 1)
        )
        sites.here.apply(f"static_routes: [{lines}]")
        wait_until(lambda: user.message("sip:a@many.example").status == 200, "the last one's answer", 60)
        assert silent.requests and broken.requests and well.requests
        before = len(silent.requests)
        assert user.message("sip:a@many.example", "again").status == 200
        assert len(silent.requests) == before, "those that failed a moment ago come last"


def test_another_server_answers_some_methods_and_events(sites: Sites) -> None:
    """R-ARC-05, D-06: method and event routes of users of ours; switched off, the usual answers are back."""
    with Foreign() as voice, sites.near("u9") as user:
        subscribe = [("Event", "message-summary"), ("Expires", "3600")]
        assert user.ask("SUBSCRIBE", user.aor, subscribe).status == 489
        sites.here.apply(
            "method_routes: [{name: Voice mail, event: message-summary, next_hop: 127.0.0.1, "
            f"port: {voice.port}, transport: udp}}]"
        )
        wait_until(lambda: user.ask("SUBSCRIBE", user.aor, subscribe).status == 200, "the route")
        asked = voice.requests[-1]
        assert asked.target == user.aor and asked.get("P-Asserted-Identity") == f"<{user.aor}>"
        assert user.subscribe(user.aor).response.status == 200, "presence stays here"
