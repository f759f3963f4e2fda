"""The user agents behind the messenger at a running edge (R-ARC-03, R-IM-01 to R-IM-06, DESIGN section 15)."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.messenger import Edge
from tests.phone import DOMAIN, Phone, pidf
from tests.services import valkey
from tests.system import PROVISIONED, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

LISTS = "".join(
    f'  - {{uri: "u{n}.buddies@{DOMAIN}", owner: "u{n}@{DOMAIN}", members: {members}}}\n'
    for n, members in ((1, f'["u2@{DOMAIN}", "u3@{DOMAIN}"]'), (4, f'["u5@{DOMAIN}"]'), (7, f'["u8@{DOMAIN}"]'))
)


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + "lists:\n" + LISTS) as found:
        found.manage(
            "shell", "-v0", "-c",
            "from provisioning.models import MessengerSettings as M;"
            "M.objects.update(subscription_duration=60, grace=20)",
        )  # fmt: skip
        found.start_edge()
        with Edge(found, bus) as made:
            yield made
        assert "Traceback" not in found.logs()


@pytest.fixture
def phone(edge: Edge) -> Iterator[Callable[[str], Phone]]:
    made: list[Phone] = []

    def make(user: str) -> Phone:
        made.append(edge.site.phone(user))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_log_in_registers_publishes_and_subscribes(edge: Edge, phone: Callable[[str], Phone]) -> None:
    """R-IM-01, R-IM-02, R-IM-05, R-IM-06, R-ARC-03: seen by SIP clients as one of them, and seeing them."""
    two, three = phone("u2"), phone("u3")
    watch = two.subscribe(f"sip:u1@{DOMAIN}")
    watch.sees("<rpid:unknown/>")
    one = edge.log_in("u1")
    assert [buddy["uri"] for buddy in one.snapshot["buddies"]] == [f"sip:u2@{DOMAIN}", f"sip:u3@{DOMAIN}"]
    watch.sees("<ce:available/>")
    tag = three.publish(pidf(three.aor, activity="busy")).get("SIP-ETag")
    assert one.sees("u3", "busy")["since"]
    three.publish(pidf(three.aor, activity="meeting"), tag=tag)
    one.sees("u3", "available", activities=["meeting"])
    assert one.sees("u2", "unknown", subscription="active")
    rows = edge.site.manage(
        "shell", "-v0", "-c",
        "from presence.models import Subscription as S; from sipedge.models import Binding as B;"
        f"print(S.objects.filter(watcher='sip:u1@{DOMAIN}', state='active').count(), B.objects.filter("
        f"persona__aor='sip:u1@{DOMAIN}').count(), S.objects.filter(watcher='sip:u1@{DOMAIN}').first().expires_at"
        f" - S.objects.filter(watcher='sip:u1@{DOMAIN}').first().updated_at)",
    ).split()  # fmt: skip
    assert rows[:2] == ["2", "1"] and rows[2].startswith("0:01:00")
    one.log_out()
    assert b"<ce:unavailable/>" in watch.sees("<ce:unavailable/>").body


def test_subscriptions_outlive_their_duration(edge: Edge, phone: Callable[[str], Phone]) -> None:
    """R-IM-02, R-IM-03, R-IM-05: of eight seconds, while the user is logged in, and state comes in still."""
    edge.site.apply("settings: {expiry: {subscribe: {min: 2, default: 3600, max: 86400}}}")
    _duration(edge, 8)
    one, five = edge.log_in("u4"), phone("u5")
    one.sees("u5", "unknown", subscription="active")
    first = _subscription(edge, one.aor)

    def refreshed() -> bool:
        one.ask("alive")
        return _subscription(edge, one.aor)[1] >= first[1] + 2

    wait_until(refreshed, "two refreshes", 40)
    assert _subscription(edge, one.aor)[0] == first[0]
    tag = five.publish(pidf(five.aor, activity="busy")).get("SIP-ETag")
    one.sees("u5", "busy")
    five.publish(tag=tag, expires=0)
    one.log_out()
    _duration(edge, 60)
    edge.site.apply("settings: {expiry: {subscribe: {min: 60, default: 3600, max: 86400}}}")


def _duration(edge: Edge, seconds: int) -> None:
    edge.site.manage(
        "shell", "-v0", "-c",
        "from provisioning.models import MessengerSettings as M; from provisioning.announce import announce;"
        f"M.objects.update(subscription_duration={seconds}); announce(M)",
    )  # fmt: skip


def _subscription(edge: Edge, watcher: str) -> tuple[int, int]:
    """Id and version of a watcher's only subscription."""
    words = edge.site.manage(
        "shell", "-v0", "-c",
        f"from presence.models import Subscription as S; one = S.objects.exclude(state='terminated').get("
        f"watcher='{watcher}'); print(one.id, one.version)",
    ).split()  # fmt: skip
    return int(words[0]), int(words[1])


def test_a_log_out_ends_everything(edge: Edge, phone: Callable[[str], Phone]) -> None:
    """R-IM-04, R-IM-06: subscriptions, publications and the binding are gone, and a message finds nobody."""
    one = edge.log_in("u1")
    one.sees("u2", "unknown", subscription="active")
    one.log_out()
    live = edge.site.manage(
        "shell", "-v0", "-c",
        "from django.utils import timezone as t; from presence.models import Subscription as S, Publication as P;"
        f"from sipedge.models import Binding as B; now = t.now(); "
        f"print(S.objects.filter(watcher='sip:u1@{DOMAIN}', expires_at__gt=now).exclude(state='terminated').count(),"
        f"P.objects.filter(persona__aor='sip:u1@{DOMAIN}', expires_at__gt=now).exclude(body=b'').count(),"
        f"B.objects.filter(persona__aor='sip:u1@{DOMAIN}', expires_at__gt=now).count())",
    ).split()  # fmt: skip
    assert live == ["0", "0", "0"]
    assert phone("u2").message(f"sip:u1@{DOMAIN}").status == 480
    assert edge.ask("snapshot", session=one.id)["status"] == 481


def test_the_users_own_choice_wins_until_it_is_taken_back(edge: Edge, phone: Callable[[str], Phone]) -> None:
    """R-IM-06, R-PUB-11, D-23: each state, with a note, then the platform decides again."""
    one = edge.log_in("u4")
    watch = phone("u5").subscribe(f"sip:u4@{DOMAIN}")
    for status, seen in (("dnd", "<ce:dnd/>"), ("vacation", "<rpid:vacation/>"), ("away", "<rpid:away/>")):
        one.ask("status", status=status, note="until <noon> & later")
        document = watch.sees(seen).body
        assert b"until &lt;noon&gt; &amp; later" in document
    one.ask("status", status="automatic")
    watch.sees("<ce:available/>")
    refused = edge.ask("status", session=one.id, status="thirsty")
    assert (refused["status"], "result" in refused) == (400, False)
    one.log_out()


def test_messages_go_both_ways(edge: Edge, phone: Callable[[str], Phone]) -> None:
    """R-MSG-01, D-34, D-08: by the same registrar; what was typed stays what it was; typing is shown."""
    one, five = edge.log_in("u4"), phone("u5")
    five.register()
    text = "Grüße <b>an</b> “alle” & \n nochmals"
    assert one.ask("send", to=five.aor, text=text)["status"] == 200
    got = five.reads(text)
    assert got.get("P-Asserted-Identity") == f"<{one.aor}>"
    assert five.message(one.aor, text).status == 200
    assert one.reads(text)["outgoing"] or [m for m in one.events if m.get("message", {}).get("peer") == five.aor]
    five.message(one.aor, "<isComposing><state>active</state></isComposing>", "application/im-iscomposing+xml")
    wait_until(lambda: any(event["type"] == "typing" for event in one.events), "the typing notice")
    assert one.ask("send", to=f"sip:u6@{DOMAIN}", text="nobody")["status"] == 480
    one.log_out()


def test_a_message_that_nobody_shows_has_failed(edge: Edge, phone: Callable[[str], Phone]) -> None:
    """D-34, DESIGN section 15: a browser confirms; two log-ins both get it; a phone stores it."""
    deaf = edge.log_in("u7")
    deaf.confirms = False
    sender = phone("u8")
    assert sender.message(deaf.aor, "lost").status == 480
    hearing, desk = edge.log_in("u7"), edge.log_in("u7", "phone")
    assert sender.message(deaf.aor, "heard").status == 200
    for one in (deaf, hearing, desk):
        one.reads("heard") if one is not desk else None
    kept = edge.site.manage(
        "shell", "-v0", "-c",
        "from sipedge.models import MessengerMessage as M;"
        f"print(sorted(M.objects.filter(session_id__in=['{desk.id}', '{deaf.id}']).values_list('text', flat=True)))",
    )  # fmt: skip
    assert "lost" not in kept and "heard" in kept
    for one in (deaf, hearing, desk):
        one.log_out()


def test_buddies_come_and_go_with_the_list(edge: Edge) -> None:
    """R-IM-01: provisioned while the user is logged in."""
    one = edge.log_in("u7")
    edge.site.apply(f'lists: [{{uri: "u7.buddies@{DOMAIN}", owner: "u7@{DOMAIN}", members: ["u9@{DOMAIN}"]}}]')
    wait_until(
        lambda: [buddy["uri"] for buddy in one.ask("snapshot")["buddies"]] == [f"sip:u9@{DOMAIN}"], "the new buddy"
    )
    one.log_out()


def test_a_browser_that_went_away_is_logged_out(edge: Edge, phone: Callable[[str], Phone]) -> None:
    """R-IM-04, R-IM-06: after the grace of the settings; until then it is there."""
    one = edge.log_in("u4")
    watch = phone("u5").subscribe(one.aor)
    watch.sees("<ce:available/>")
    wait_until(lambda: b"<ce:unavailable/>" in watch.notifies[-1].body, "the end of the log-in", 90)
    assert any(event["type"] == "ended" for event in one.events)


def test_a_command_is_done_once(edge: Edge) -> None:
    """DESIGN section 15: the same id is answered again, and not done again; what nobody knows is refused."""
    one = edge.log_in("u4")
    id = secrets.token_hex(8)
    first = edge.ask("send", id=id, session=one.id, to=f"sip:u6@{DOMAIN}", text="once")
    assert edge.ask("send", id=id, session=one.id, to=f"sip:u6@{DOMAIN}", text="once") == first
    assert edge.ask("nonsense")["status"] == 501
    one.log_out()
