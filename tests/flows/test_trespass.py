"""What clients and peers try at the proxy that they should not get (R-SEC-02, R-SEC-03, D-02, D-14, D-22)."""

import socket
import time
from collections.abc import Iterator

import pytest

from sipedge.sip.message import Request
from tests.caller import Caller
from tests.foreign import Foreign
from tests.nameserver import NameServer
from tests.phone import DOMAIN
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

GUEST = "127.0.0.7"
"An address that the access list lets in."


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with deployed() as found:
        found.apply(
            f"access_list: [{{address: {GUEST}}}]\noutbound_rules: [{{pattern: '*.closed.example', allow: false}}]"
        )
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def caller(site: Deployment, user: str, **options: str) -> Caller:
    return Caller(user, ("127.0.0.1", site.proxy), **options)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_no_spelling_of_our_own_address_leads_to_the_engine(site: Deployment, host: str, transport: str) -> None:
    """R-SEC-03, D-14: there the proxy is believed, and From with it when the sender hides its identity."""
    with site.phone("u1") as user, site.phone("u2", transport="TCP") as bound:
        route = [("Route", f"<sip:{host}:{site.engine};transport={transport};lr>"), ("Privacy", "id")]
        publish = [*route, ("Event", "presence"), ("Content-Type", "application/pidf+xml")]
        got = user.ask("OPTIONS", f"sip:u3@{DOMAIN}", publish)
        assert got.status == 480
        assert bound.register(f"<sip:u2@{host}:{site.engine};transport=tcp>").status == 200
        bound.close()
        time.sleep(0.2)
        assert user.message(bound.aor, "to the engine").status == 480


def test_a_ticket_is_for_the_dialog_only(site: Deployment) -> None:
    """R-SEC-02, D-02: who has one begins nothing new with it, and a guest is not carried on by it."""
    with Foreign() as elsewhere, caller(site, "u5") as bob, caller(site, "u6") as alice:
        for one in (alice, bob):
            assert one.register().status == 200
        invite = alice.call(bob.aor)
        got = bob.takes("INVITE")
        own = [("Route", str(one)) for one in got.record_routes][1:]
        bob.answer(got, 200)
        alice.acknowledge(invite, alice.hears(200))
        forged = {"From": f"<sip:xten3@{DOMAIN}>;tag=1", "Call_ID": invite.call_id}
        request = alice.build("INVITE", str(bob.aor), own, **forged)
        alice.send(request.encode())
        wait_until(
            lambda: any(one.via.branch == request.via.branch and one.status == 407 for one in alice.responses), "407"
        )
        target = f"sip:a@127.0.0.1:{elsewhere.port}"
        for to in (f"<{target}>", f"<{target}>;tag=1"):
            assert alice.ask("OPTIONS", target, own, login=False, **forged, To=to).status == 407
        with caller(site, "f1@partner.example", source=GUEST) as guest:
            invite = guest.build("INVITE", str(bob.aor))
            guest.send(invite.encode())
            got = bob.takes("INVITE", 2)
            bob.answer(got, 486)
            own = [("Route", str(one)) for one in got.record_routes][1:]
            within = {"Call_ID": invite.call_id, "To": f"<{target}>;tag=1"}
            assert guest.ask("OPTIONS", target, own, login=False, **within).status == 403
        assert not elsewhere.requests


def test_a_guest_who_names_a_user_of_ours_is_carried_nowhere_either(site: Deployment) -> None:
    """D-02, D-22: who was not challenged reaches our users only."""
    with Foreign() as elsewhere, site.phone("u7", source=GUEST) as guest:
        target = f"sip:a@127.0.0.1:{elsewhere.port}"
        assert guest.message(target, login=False).status == 403
        assert not elsewhere.requests


def test_a_route_of_the_client_is_bound_by_the_outbound_rules(site: Deployment) -> None:
    """D-02: they hold for where the request goes next, and for its Request-URI."""
    with Foreign() as elsewhere, site.phone("u8") as user:
        there = [("Route", f"<sip:127.0.0.1:{elsewhere.port};lr>")]
        assert user.ask("OPTIONS", "sip:a@b.closed.example", there).status == 403
        closed = [("Route", "<sip:b.closed.example;lr>")]
        assert user.ask("OPTIONS", f"sip:u9@{DOMAIN}", closed).status == 403
        beside = f"sip:a@b.open.example:{elsewhere.port};maddr=b.closed.example"
        assert user.ask("OPTIONS", beside).status == 403
        assert not elsewhere.requests


def test_credentials_for_us_are_not_shown_to_the_other_side(site: Deployment) -> None:
    """R-SEC-02, RFC 3261 22.3: the ACK of a call repeats them, and they stay here."""
    with caller(site, "u10") as alice, caller(site, "u11") as bob:
        assert bob.register().status == 200
        invite = alice.call(bob.aor)
        bob.answer(bob.takes("INVITE"), 200)
        ack = alice.within(invite, alice.hears(200), "ACK", invite.cseq.number)
        ack.headers.append(("Proxy-Authorization", invite.get("Proxy-Authorization") or ""))
        others = 'Digest realm="elsewhere", username="a", nonce="b", uri="sip:c", response="d"'
        ack.headers.append(("Proxy-Authorization", others))
        alice.send(ack.encode())
        assert bob.takes("ACK").get_all("Proxy-Authorization") == [others]


def test_an_ack_that_leads_nowhere_is_dropped(site: Deployment) -> None:
    """RFC 3261 16.11: nobody answers an ACK; what is wrong with it harms nobody."""
    with Foreign() as elsewhere, caller(site, "u12") as alice:
        target = f"sip:a@127.0.0.1:{elsewhere.port}"
        elsewhere.answer = lambda request: request.respond(486)
        alice.register()
        invite = alice.call(target)
        own = [("Route", str(one)) for one in elsewhere.asked(1).record_routes][1:]
        for changes in ({"Max_Forwards": "many"}, {}):
            ack = alice.build("ACK", "tel:+1", own, Call_ID=invite.call_id, To="<tel:+1>;tag=1", **changes)
            alice.send(ack.encode())
        assert alice.ask("OPTIONS", f"sip:{DOMAIN}").status == 200


def test_sips_never_goes_out_in_the_clear(site: Deployment) -> None:
    """RFC 3261 19.1.2 and 26.2.2: sips means TLS, whatever the transport parameter says."""
    with Foreign() as elsewhere, site.phone("u13") as user:
        assert user.message(f"sips:a@127.0.0.1:{elsewhere.port};transport=udp").status in (404, 480)
        assert not elsewhere.requests


def cancel(one: Caller, invite: Request) -> None:
    headers = [(n, v) for n, v in invite.headers if n in ("Via", "From", "To", "Call-ID", "Max-Forwards")]
    one.send(Request.build("CANCEL", invite.target, [*headers, ("CSeq", f"{invite.cseq.number} CANCEL")]).encode())


def test_a_call_that_is_taken_back_ends_though_the_callee_says_nothing(site: Deployment) -> None:
    """RFC 3261 9.1, 16.10: the caller does not wait for minutes; nor is it told 408."""
    with caller(site, "u18") as alice, caller(site, "u19") as bob:
        assert bob.register().status == 200
        invite = alice.call(bob.aor)
        got = bob.takes("INVITE")
        bob.answer(got, 180)
        alice.hears(180)
        cancel(alice, invite)
        bob.takes("CANCEL")
        alice.acknowledge(invite, alice.hears(487))


def test_a_call_that_is_taken_back_while_its_way_is_looked_for_does_not_ring() -> None:
    """RFC 3261 16.10: a slow name server, and a caller in a hurry."""
    with NameServer() as names, Foreign() as elsewhere:
        names.tell("slow.example 1 A 127.0.0.1")
        with deployed(dns=names.address) as site:
            site.start_edge()
            names.silent = True
            with caller(site, "u1") as alice:
                invite = alice.call(f"sip:a@slow.example:{elsewhere.port}")
                time.sleep(0.5)
                cancel(alice, invite)
                alice.hears(200, "CANCEL")
                names.silent = False
                alice.hears(487)
                assert not elsewhere.requests


def test_who_gets_the_address_of_another_client_gets_nothing_of_it(site: Deployment) -> None:
    """R-SEC-02, D-46: a new connection from an address that a client had before is somebody else's."""
    with site.phone("u16") as friend, socket.socket() as thief:
        with site.phone("u14", transport="TCP") as victim:
            assert victim.register().status == 200
            address = victim.socket.getsockname()
            victim.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(address)
        thief.connect(("127.0.0.1", site.engine))  # at the proxy's port the old connection lingers
        assert friend.message(victim.aor, "secret").status == 480
        thief.settimeout(0.2)
        with pytest.raises(TimeoutError):
            thief.recv(65535)
