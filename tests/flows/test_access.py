"""Who may watch whom, and how much of it, at a running edge; and that changes count at once."""

from collections.abc import Iterator

import pytest

from tests.phone import DOMAIN, pidf
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

LISTS = f"""
uri_acls:
  - presentity: "u1@{DOMAIN}"
    entries:
      - {{uri: "u2@{DOMAIN}", effect: allow}}
      - {{uri: "u3@{DOMAIN}", effect: polite_block}}
      - {{domain: example.org, effect: allow}}
filters:
  - {{kind: phone_only, client_type: MeetingPlace}}
  - {{kind: im_only, domain: example.org}}
  - {{kind: person_only, presentity: "u9@{DOMAIN}"}}
"""

PHONE = (
    '<sc:servcaps xmlns:sc="urn:ietf:params:xml:ns:pidf:servcaps"><sc:audio>true</sc:audio><sc:text>false</sc:text>'
    "</sc:servcaps>"
)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + LISTS) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def change(deployment: Deployment, code: str, *models: str) -> None:
    """What the admin does when it saves."""
    deployment.manage(
        "shell", "-v0", "-c",
        "from provisioning.models import *; from provisioning.announce import announce\n"
        f"{code}\nannounce({', '.join(models)})",
    )  # fmt: skip


def test_an_access_list_decides(deployment: Deployment) -> None:
    """R-SUB-07, R-SUB-09, R-NTF-01, R-ARC-06, D-15: allow, polite block, block; by PAI; oneself always."""
    with deployment.peer("u1") as one, deployment.peer("u2") as friend, deployment.peer("u3") as pest:
        one.publish(pidf(one.aor, activity="busy"))
        friend.subscribe(one.aor).sees("<rpid:busy/>")
        one.subscribe(one.aor).sees("<rpid:busy/>")
        shown = pest.subscribe(one.aor).sees("<ce:unavailable/>")
        assert (shown.get("Subscription-State") or "").startswith("active")
        assert b"<basic>closed</basic>" in shown.body and b"busy" not in shown.body
        with deployment.peer("u4") as stranger:
            assert stranger.subscribe(one.aor).response.status == 403


def test_the_identity_is_the_most_trusted_one(deployment: Deployment) -> None:
    """R-SUB-09, R-SUB-11, R-SUB-12, R-SUB-14, R-SUB-15: PAI before Remote-Party-ID before From, at the engine."""
    with deployment.peer("u4") as stranger:
        stranger.asserted = False
        aor = f"sip:u1@{DOMAIN}"
        friend, other = f"<sip:u2@{DOMAIN}>", f"<sip:u4@{DOMAIN}>"
        assert stranger.subscribe(aor, P_Asserted_Identity=friend, Remote_Party_ID=other).response.status == 200
        assert stranger.subscribe(aor, P_Asserted_Identity=other, Remote_Party_ID=friend).response.status == 403
        assert stranger.subscribe(aor, Remote_Party_ID=friend).response.status == 200
        assert stranger.subscribe(aor, From=f"{friend};tag=a").response.status == 200
        assert stranger.subscribe(aor, Remote_Party_ID=other, From=f"{friend};tag=b").response.status == 403


def test_watcher_filters_by_client_and_domain(deployment: Deployment) -> None:
    """R-SUB-10, R-SUB-16, R-SUB-17, R-SUB-18, R-CMP-05, D-18, R-PUB-16, R-PUB-18: MeetingPlace sees phones only."""
    with deployment.peer("u1") as desk, deployment.peer("u1") as laptop, deployment.peer("u2") as watcher:
        tags = [
            desk.publish(pidf(desk.aor, tuple_id="desk", extra=PHONE)).get("SIP-ETag"),
            laptop.publish(pidf(desk.aor, tuple_id="laptop")).get("SIP-ETag"),
        ]
        everything = watcher.subscribe(desk.aor, User_Agent="eyeBeam release 1").heard(1).body
        phones = watcher.subscribe(desk.aor, User_Agent="MeetingPlace/5.1").heard(1).body
        assert b'id="desk"' in everything and b'id="laptop"' in everything
        assert b'id="desk"' in phones and b'id="laptop"' not in phones
        with deployment.peer("other@example.org") as outsider:
            texts = outsider.subscribe(desk.aor).heard(1).body
            assert b'id="desk"' not in texts and b'id="laptop"' in texts
            both = outsider.subscribe(desk.aor, User_Agent="MeetingPlace").heard(1).body
            assert b'id="none"' in both and b"<dm:person" in both
        for tag in tags:
            desk.publish(tag=tag, expires=0)


def test_the_presentitys_own_filter(deployment: Deployment) -> None:
    """R-CMP-03, R-CMP-04, D-16: others see the person only, the presentity sees everything of itself."""
    with deployment.peer("u9") as one, deployment.peer("u2") as watcher:
        one.publish(pidf(one.aor, tuple_id="mine"))
        assert b'id="mine"' not in watcher.subscribe(one.aor).sees("<ce:available/>").body
        assert b'id="mine"' in one.subscribe(one.aor).sees("<ce:available/>").body


def test_a_saved_filter_tells_only_those_whose_view_changed(deployment: Deployment) -> None:
    """R-ARC-02, D-16, D-40: within a second, and nobody else hears anything."""
    with deployment.peer("u20") as one, deployment.peer("u21") as a, deployment.peer("u22") as b:
        one.publish(pidf(one.aor, tuple_id="laptop"))
        by_phone = a.subscribe(one.aor, User_Agent="Conference/1.0")
        usual = b.subscribe(one.aor, User_Agent="eyeBeam release 1")
        by_phone.sees('id="laptop"')
        usual.sees('id="laptop"')
        change(deployment, "WatcherFilter(kind='phone_only', client_type='Conference').save()", "WatcherFilter")
        by_phone.sees('id="none"')
        change(deployment, "WatcherFilter.objects.filter(client_type='Conference').delete()", "WatcherFilter")
        by_phone.sees('id="laptop"')
        assert len(by_phone.notifies) == 3 and len(usual.notifies) == 1


def test_saved_entries_block_and_allow_at_once(deployment: Deployment) -> None:
    """R-ARC-02, R-NTF-03, D-13, D-15: rejected, politely blocked, seen again; bulk edits too."""
    with deployment.peer("u30") as one, deployment.peer("u31") as a, deployment.peer("u32") as b:
        one.publish(pidf(one.aor))
        first, second = a.subscribe(one.aor), b.subscribe(one.aor)
        first.sees("<ce:available/>")
        second.sees("<ce:available/>")
        change(
            deployment,
            f"acl = UriAcl.objects.create(presentity=Persona.objects.get(aor='{one.aor}'), default='allow')\n"
            f"UriAclEntry(acl=acl, value='{a.aor}', effect='block').save()\n"
            f"UriAclEntry(acl=acl, value='{b.aor}', effect='polite_block').save()",
            "UriAcl",
            "UriAclEntry",
        )
        assert first.heard(2).get("Subscription-State") == "terminated;reason=rejected"
        second.sees("<ce:unavailable/>")
        change(deployment, "UriAclEntry.objects.update(effect='allow')", "UriAclEntry")
        second.sees("<ce:available/>")
        assert a.subscribe(one.aor).response.status == 200


def test_unknown_watchers_are_pending_until_decided(deployment: Deployment) -> None:
    """D-15, D-13: pending with its expiry and no state; then active, or as if unavailable for ever."""
    with deployment.peer("u40") as one, deployment.peer("u41") as a, deployment.peer("u42") as b:
        one.publish(pidf(one.aor, activity="busy"))
        change(deployment, f"Persona.objects.filter(aor='{one.aor}').update(confirm_watchers=True)", "Persona")
        watch = wait_until(lambda: _pending(a.subscribe(one.aor)), "a pending subscription")
        other = b.subscribe(one.aor)
        state = other.heard(1)
        assert (state.get("Subscription-State") or "").startswith("pending;expires=")
        assert b"busy" not in state.body and b"<rpid:unknown/>" in state.body
        change(
            deployment,
            f"owner = Persona.objects.get(aor='{one.aor}')\n"
            "friends = PrivacyList.objects.create(owner=owner, name='friends')\n"
            "blocked = PrivacyList.objects.create(owner=owner, kind='blocked')\n"
            f"PrivacyListMember(list=friends, value='{a.aor}').save()\n"
            f"PrivacyListMember(list=blocked, value='{b.aor}').save()",
            "PrivacyListMember",
        )
        assert (watch.sees("<rpid:busy/>").get("Subscription-State") or "").startswith("active")
        assert (other.sees("<ce:unavailable/>").get("Subscription-State") or "").startswith("active")


def _pending(watch):  # type: ignore[no-untyped-def]
    return watch if (watch.heard(1).get("Subscription-State") or "").startswith("pending") else None


def test_an_alias_that_is_taken_away_ends_its_subscriptions(deployment: Deployment) -> None:
    """R-SUB-06, D-13: noresource; who asked for another address of the user stays."""
    with deployment.peer("xten3") as one, deployment.peer("u50") as a:
        by_alias, by_aor = a.subscribe(f"sip:xten.three@{DOMAIN}"), a.subscribe(one.aor)
        by_alias.heard(1)
        by_aor.heard(1)
        change(deployment, f"Alias.objects.get(uri='sip:xten.three@{DOMAIN}').delete()", "Alias")
        assert by_alias.heard(2).get("Subscription-State") == "terminated;reason=noresource"
        one.publish(pidf(one.aor))
        by_aor.sees("<ce:available/>")


def test_one_row_ends_a_thousand_subscriptions_once_each(deployment: Deployment) -> None:
    """R-ARC-02, D-13, DESIGN section 4: one NOTIFY each, nobody else is disturbed."""
    with (
        deployment.peer("u60") as one,
        deployment.peer("u61", transport="TCP") as many,
        deployment.peer("u62") as other,
    ):
        one.publish(pidf(one.aor))
        bystander = other.subscribe(one.aor)
        bystander.sees("<ce:available/>")
        for _ in range(1000):
            many.send(many.build("SUBSCRIBE", one.aor, [("Event", "presence"), ("Expires", "3600")]).encode())
        wait_until(lambda: len(many.notifies) >= 1000, "the first NOTIFYs", 200)
        change(
            deployment,
            f"acl = UriAcl.objects.create(presentity=Persona.objects.get(aor='{one.aor}'), default='allow')\n"
            f"UriAclEntry(acl=acl, value='{many.aor}', effect='block').save()",
            "UriAcl",
            "UriAclEntry",
        )
        wait_until(lambda: len(many.notifies) >= 2000, "the last NOTIFYs", 200)
        ended = [one for one in many.notifies if one.get("Subscription-State") == "terminated;reason=rejected"]
        assert len(ended) == 1000 and len({one.call_id for one in ended}) == 1000
        one.publish(pidf(one.aor, activity="busy", tuple_id="t2"))
        bystander.sees("<rpid:busy/>")
        assert len(many.notifies) == 2000 and len(bystander.notifies) == 2
