"""Programs at a running deployment: who they are, what they are told and when, what they may do."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.integrators import Listener, account
from tests.phone import DOMAIN, pidf
from tests.rest import Web, integrator
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

LISTS = f"""
lists:
  - {{uri: "team@{DOMAIN}", members: ["u31@{DOMAIN}", "u32@{DOMAIN}"]}}
  - {{uri: "hers@{DOMAIN}", owner: "u2@{DOMAIN}", members: ["u31@{DOMAIN}"]}}
"""


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + LISTS) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture(scope="module")
def web(deployment: Deployment) -> Web:
    return integrator(deployment)


@pytest.fixture(scope="module")
def tokens(deployment: Deployment) -> dict[str, str]:
    """Of accounts: one bound to a user, one to nobody here, one to nothing."""
    return {
        "calendar": account(
            deployment, "calendar", persona=f"sip:u1@{DOMAIN}", publish_own=True, publish_for=[f"sip:u20@{DOMAIN}"],
            may_send=True,
        ),
        "wall": account(deployment, "wall", watcher="sip:wall@example.net"),
        "nobody": deployment.manage(
            "shell", "-v0", "-c",
            "from django.contrib.auth import get_user_model as users; "
            "from rest_framework.authtoken.models import Token; "
            "print(Token.objects.create(user=users().objects.create_user('nobody')).key)",
        ).strip(),
    }  # fmt: skip


@pytest.fixture
def program(web: Web, tokens: dict[str, str]) -> Iterator[Callable[..., Listener]]:
    """Opens WebSockets by the name of an account."""
    opened: list[Listener] = []

    def make(name: str = "", query: str = "", **options: Any) -> Listener:
        opened.append(Listener(web, tokens.get(name, name), query, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def aor(user: str) -> str:
    return f"sip:{user}@{DOMAIN}"


def test_who_a_program_is(program: Callable[..., Listener], web: Web, tokens: dict[str, str]) -> None:
    """DESIGN section 6: by header or first message; nobody is let in who is nobody, and tokens are not in addresses."""
    assert program("calendar").is_told("ready")["as"] == aor("u1")
    assert program("wall").is_told("ready")["as"] == "sip:wall@example.net"
    assert program(web._token, f"?as=u7@{DOMAIN}").is_told("ready")["as"] == aor("u7")
    for name, query in (("wrong", ""), ("nobody", ""), ("calendar", f"?as=u2@{DOMAIN}"), (web._token, "")):
        with pytest.raises(InvalidStatus):
            program(name, query)
    by_message = program()
    by_message.say("subscribe", aors=[aor("u1")])
    assert by_message.is_told("error")["status"] == 400
    by_message.say("auth", token=tokens["calendar"])
    assert by_message.is_told("ready")["as"] == aor("u1")
    for words, code in (({"token": "wrong"}, 4401), ({"token": tokens["nobody"]}, 4403)):
        refused = program(query=f"?token={tokens['calendar']}")
        refused.say("auth", **words)
        assert refused.is_closed() == code


def test_a_session_counts_on_our_own_pages_only(web: Web) -> None:
    """A cookie comes with requests of any page."""
    pages = Web(web.address)
    pages.log_in()
    cookie = "; ".join(f"{one.name}={one.value}" for one in pages._cookies)
    query = f"?as=u7@{DOMAIN}"
    for origin, let_in in ((web.address, True), ("https://evil.example", False), (None, False)):
        with Listener(web, query=query, cookie=cookie, origin=origin) as one:
            one.say("auth", token="wrong")
            one.is_told("ready") if let_in else one.is_closed()
            assert bool(one.heard) is let_in


def test_bad_messages_harm_nobody(program: Callable[..., Listener]) -> None:
    """DESIGN section 11: an error each, and the connection goes on."""
    one = program("calendar")
    one.is_told("ready")
    for text in ("", "[]", "{", '"x"', '{"type": 7}', '{"type": "subscribe"}', '{"type": "subscribe", "aors": [7]}',
                 '{"type": "subscribe", "aors": ["no address"]}', "[" * 60_000, "x" * 70_000,
                 '{"type": "send", "to": "", "text": "x"}', '{"type": "publish", "component": 5}'):  # fmt: skip
        before = len(one.heard)
        one.socket.send(text)
        answer = wait_until(lambda before=before: one.heard[before:], f"an answer to {text[:30]}")[0]
        assert (answer["type"], answer["status"]) == ("error", 400)
    one.socket.send(b"\x00")
    assert one.asks("subscribe", aors=[aor("u1")])["type"] == "subscribed"


def test_a_change_is_told_wherever_it_was_made(
    program: Callable[..., Listener], deployment: Deployment, web: Web
) -> None:
    """R-NTF-01, R-LST-04: SIP and REST, members of lists; another one's list is nothing."""
    one = program("calendar")
    one.asks("subscribe", aors=[aor("team"), aor("hers"), aor("u20")])
    one.sees(aor("hers"), "ended")
    one.sees(aor("u31"), "unknown")
    with deployment.phone("u31") as phone:
        phone.publish(pidf(phone.aor, activity="busy"))
        shown = one.sees(aor("u31"), "busy")
        assert shown["since"] and shown["devices"][0]["text"]
    assert web.ask("PUT", f"presence/u20@{DOMAIN}/component/?as=u20@{DOMAIN}", {"activities": ["meeting"]})[0] == 201
    assert one.sees(aor("u20"), "available")["activities"] == ["meeting"]
    one.asks("unsubscribe", aors=[aor("team")])
    count = len(one.heard)
    with deployment.phone("u32") as phone:
        phone.publish(pidf(phone.aor))
        time.sleep(0.5)
    assert len(one.heard) == count


def test_a_saved_rule_counts_within_a_second(
    program: Callable[..., Listener], deployment: Deployment, web: Web
) -> None:
    """R-ARC-02, D-13, D-15: the last word says nothing but that it is the last."""
    one = program("wall")
    with deployment.phone("u40") as phone:
        phone.publish(pidf(phone.aor, activity="busy"))
    one.asks("subscribe", aors=[aor("u40")])
    one.sees(aor("u40"), "busy")
    saved = time.monotonic()
    assert web.ask("POST", "uri-acls/", {"presentity": aor("u40"), "default": "block"})[0] == 201
    assert set(one.sees(aor("u40"), "ended")) == {"aor", "subscription", "etag"}
    assert time.monotonic() - saved < 5, "on a machine with other work to do"


def test_who_comes_back_hears_what_it_has_missed(program: Callable[..., Listener], deployment: Deployment) -> None:
    """By its cursor."""
    one = program("calendar")
    addresses = [aor("u50"), aor("u51")]
    one.asks("subscribe", aors=addresses)
    one.sees(aor("u51"), "unknown")
    wait_until(lambda: one.cursor, "a cursor")
    one.close()
    with deployment.phone("u50") as phone:
        phone.publish(pidf(phone.aor, activity="busy"))
    again = program("calendar")
    again.asks("subscribe", aors=addresses, cursor=one.cursor)
    again.sees(aor("u50"), "busy")
    assert not again.documents(aor("u51"))


def test_what_a_program_may_publish(program: Callable[..., Listener], web: Web, tokens: dict[str, str]) -> None:
    """D-05, D-11, D-19: entity tags, bounds, and nobody's state but whose it is given."""
    one = program("calendar")
    one.asks("subscribe", aors=[aor("u1")])
    first = one.asks("publish", component={"source": "Calendar", "activities": ["meeting"], "expires": 60})
    assert (first["type"], first["expires"]) == ("published", 60)
    assert one.sees(aor("u1"), "available")["activities"] == ["meeting"]
    second = one.asks("publish", etag=first["etag"], component={"activities": ["travel"], "open": False})
    one.sees(aor("u1"), "unavailable")
    assert one.asks("unpublish", etag=first["etag"])["status"] == 412
    assert one.asks("unpublish", etag=second["etag"])["expires"] == 0
    assert one.asks("publish", component={"expires": 5})["status"] == 400
    assert one.asks("publish", component={"state": "interruptible"})["status"] == 400
    for address in (aor("u2"), aor("no.such.user")):
        assert one.asks("publish", aor=address, component={})["status"] == 403
    assert program("wall").asks("publish", aor=aor("u1"), component={})["status"] == 403
    rest = Web(web.address, tokens["calendar"])
    path = f"presence/u20@{DOMAIN}/component/"
    status, made = rest.ask("PUT", path, {"note": "back at 3"})
    assert status == 201
    status, changed = rest.ask("PUT", path, {"note": "back at 4"}, **{"If-Match": f'"{made["etag"]}"'})
    assert status == 200 and rest.ask("PUT", path, None, **{"If-Match": changed["etag"]})[0] == 200
    assert rest.ask("DELETE", path, None, **{"If-Match": changed["etag"]})[0] == 412
    assert rest.ask("DELETE", path)[0] == 400
    assert rest.ask("GET", "users/")[0] == 403, "an integrator is no administrator"


def test_what_a_program_may_send(
    program: Callable[..., Listener], deployment: Deployment, web: Web, tokens: dict[str, str]
) -> None:
    """R-MSG-03, D-34, DESIGN section 15: the rules of MESSAGE, and what became of it."""
    one, rest = program("calendar"), Web(web.address, tokens["calendar"])
    with deployment.phone("u60") as phone:
        phone.register()
        assert one.asks("send", to=aor("u60"), text="Grüße")["status"] == 200
        assert aor("u1") in (phone.reads("Grüße").get("P-Asserted-Identity") or "")
        assert rest.ask("POST", "messages/send/", {"to": aor("u60"), "text": "again"}) == (
            200,
            {"status": 200, "reason": "OK"},
        )
        phone.reads("again")
    assert rest.ask("POST", "messages/send/", {"to": aor("no.such.user"), "text": "x"})[0] == 404
    assert one.asks("send", to=aor("u61"), text="x")["status"] == 480
    assert program("wall").asks("send", to=aor("u60"), text="x")["status"] == 403
    assert Web(web.address, tokens["wall"]).ask("POST", "messages/send/", {"to": aor("u60"), "text": "x"})[0] == 403


def test_rights_that_change_end_the_connection(
    program: Callable[..., Listener], deployment: Deployment, web: Web, tokens: dict[str, str]
) -> None:
    """R-ARC-02: it comes back as whoever it is then."""
    token = account(deployment, "short", persona=aor("u70"))
    one = program(token)
    one.is_told("ready")
    user = next(row for row in web.ask("GET", f"users/?aor={aor('u70')}")[1]["results"])
    assert web.ask("PATCH", f"users/{user['id']}/", {"enabled": False})[0] == 200
    assert one.is_closed() == 4403
    with pytest.raises(InvalidStatus):
        program(token)
