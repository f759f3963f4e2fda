"""List subscriptions at a running edge (R-LST, RFC 4662, RFC 5367)."""

import time
import zlib
from collections.abc import Iterator

import pytest

from sipedge.sip.message import Request
from tests.phone import DOMAIN, Phone, Watch, pidf
from tests.rlmi import read
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

ACCEPT = "application/pidf+xml, application/rlmi+xml, multipart/related"
TEAM = f"sip:team@{DOMAIN}"
BIG = f"sip:big@{DOMAIN}"
LISTS = f"""
lists:
  - uri: "team@{DOMAIN}"
    members: ["u1@{DOMAIN}", "u2@{DOMAIN}", "u3@{DOMAIN}", "nobody@{DOMAIN}", "inner@{DOMAIN}"]
  - {{uri: "inner@{DOMAIN}", members: ["team@{DOMAIN}", "xten.three@{DOMAIN}", "u4@{DOMAIN}"]}}
  - {{uri: "mine@{DOMAIN}", owner: "u5@{DOMAIN}", members: ["u1@{DOMAIN}"]}}
  - {{uri: "big@{DOMAIN}", members: [{", ".join(f'"u{n}@{DOMAIN}"' for n in range(200))}]}}
uri_acls:
  - {{presentity: "u2@{DOMAIN}", default: block}}
  - {{presentity: "u3@{DOMAIN}", default: polite_block}}
"""


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + LISTS) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def subscribe(phone: Phone, uri: str, **changes: str) -> Watch:
    changes = {"accept": ACCEPT, "Supported": "eventlist", **changes}
    return phone.subscribe(uri, **changes)  # type: ignore[arg-type]


def told(watch: Watch, uri: str, text: str) -> Request:
    """The NOTIFY that says this about a member."""
    notify: Request = wait_until(
        lambda: next(
            (
                one
                for one in watch.notifies
                if (found := read(one).resources.get(uri)) is not None and text.encode() in found.body
            ),
            None,
        ),
        f"{text} for {uri}",
    )
    return notify


def change(deployment: Deployment, code: str, *models: str) -> None:
    deployment.manage(
        "shell", "-v0", "-c",
        "from provisioning.models import *; from provisioning.announce import announce\n"
        f"{code}\nannounce({', '.join(models)})",
    )  # fmt: skip


def test_full_state_first_then_what_changed(deployment: Deployment) -> None:
    """R-LST-01, R-LST-02, R-LST-03, R-LST-04, R-LST-05, R-LST-06, R-LST-07, R-STD-09, R-SUB-27, R-SUB-30, V-37,
    D-29, EX-3: all states, version by version.
    """
    with deployment.peer("u1") as one, deployment.peer("u10") as watcher:
        one.publish(pidf(one.aor))
        watch = subscribe(watcher, TEAM)
        assert (watch.response.status, watch.response.get("Require")) == (200, "eventlist")
        first = read(watch.heard(1))
        assert (first.uri, first.version, first.full) == (TEAM, 0, True)
        assert {uri: (one.state, one.reason) for uri, one in first.resources.items()} == {
            f"sip:u1@{DOMAIN}": ("active", ""),
            f"sip:u2@{DOMAIN}": ("terminated", "rejected"),
            f"sip:u3@{DOMAIN}": ("active", ""),
            f"sip:nobody@{DOMAIN}": ("terminated", "noresource"),
            f"sip:xten.three@{DOMAIN}": ("active", ""),
            f"sip:u4@{DOMAIN}": ("active", ""),
        }
        assert b"<ce:available/>" in first.resources[one.aor].body
        assert b"<ce:unavailable/>" in first.resources[f"sip:u3@{DOMAIN}"].body
        one.publish(pidf(one.aor, activity="busy", tuple_id="t9"))
        second = read(told(watch, one.aor, "<rpid:busy/>"))
        assert (second.version, second.full, list(second.resources)) == (1, False, [one.aor])
        assert (watch.heard(2).get("Subscription-State") or "").startswith("active;expires=")


def test_a_refresh_brings_full_state_and_the_end_too(deployment: Deployment) -> None:
    """R-LST-08, D-12, RFC 4662 section 5.2: terminated;reason=timeout with full state."""
    with deployment.peer("u11") as watcher:
        watch = subscribe(watcher, TEAM)
        watch.heard(1)
        assert watch.refresh().status == 200
        assert read(watch.heard(2)).full and read(watch.heard(2)).version == 1
        assert watch.refresh(expires=0).status == 200
        last = watch.heard(3)
        assert last.get("Subscription-State") == "terminated;reason=timeout"
        assert read(last).full and len(read(last).resources) == 6
        fetched = subscribe(watcher, TEAM, expires=0)  # type: ignore[arg-type]
        assert read(fetched.heard(1)).full


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Supported": None}, 421),
        ({"Supported": "100rel"}, 421),
        ({"accept": "application/pidf+xml"}, 406),
        ({"accept": "application/rlmi+xml, multipart/related"}, 406),
        ({"accept": "application/pidf+xml, multipart/related"}, 406),
        ({"accept": None}, 200),
        ({"accept": "*/*"}, 200),
        ({"accept": "application/pdf+xml, application/rfmi+xml, multipart/related"}, 200),
        ({"Supported": None, "Require": "eventlist"}, 200),
    ],
)
def test_what_a_list_asks_of_its_watchers(deployment: Deployment, changes: dict[str, str], status: int) -> None:
    """R-SUB-26, R-SUB-27, R-SUB-28, R-SUB-29, R-SUB-30, D-07, D-09, V-02, V-03: 421 with Require, 406 without the
    types.
    """
    with deployment.peer("u12") as watcher:
        answer = subscribe(watcher, TEAM, **changes).response
        assert answer.status == status
        assert (answer.get("Require") == "eventlist") == (status in (200, 421))


def test_eventlist_towards_a_single_user_is_an_ordinary_subscription(deployment: Deployment) -> None:
    """D-09."""
    with deployment.peer("u13") as watcher:
        notify = subscribe(watcher, f"sip:u1@{DOMAIN}").heard(1)
        assert notify.get("Require") is None and notify.get("Content-Type") == "application/pidf+xml"


def test_a_list_with_an_owner_is_for_its_owner(deployment: Deployment) -> None:
    """R-LST-04: and a list that is taken away ends its subscriptions."""
    with deployment.peer("u5") as owner, deployment.peer("u6") as other:
        assert subscribe(other, f"sip:mine@{DOMAIN}").response.status == 403
        watch = subscribe(owner, f"sip:mine@{DOMAIN}")
        watch.heard(1)
        change(deployment, f"ResourceList.objects.get(uri='sip:mine@{DOMAIN}').delete()", "ResourceList")
        assert watch.heard(2).get("Subscription-State") == "terminated;reason=noresource"
        assert subscribe(owner, f"sip:mine@{DOMAIN}").response.status == 404


def test_members_come_and_go_while_it_is_watched(deployment: Deployment) -> None:
    """R-ARC-02, R-LST-04: full state again, with the new members."""
    with deployment.peer("u14") as watcher:
        change(deployment, f"ResourceList.objects.create(uri='sip:live@{DOMAIN}')", "ResourceList")
        watch = wait_until(
            lambda: found if (found := subscribe(watcher, f"sip:live@{DOMAIN}")).response.status == 200 else None,
            "the list",
        )
        assert read(watch.heard(1)).resources == {}
        change(
            deployment,
            f"ResourceListMember(list=ResourceList.objects.get(uri='sip:live@{DOMAIN}'), uri='sip:u1@{DOMAIN}').save()",
            "ResourceListMember",
        )
        second = read(watch.heard(2))
        assert second.full and list(second.resources) == [f"sip:u1@{DOMAIN}"]


def test_permission_for_one_member_changes_alone(deployment: Deployment) -> None:
    """D-13, D-15, R-LST-05: that member is told as rejected, the list goes on."""
    with deployment.peer("u4") as one, deployment.peer("u15") as watcher:
        one.publish(pidf(one.aor))
        watch = subscribe(watcher, TEAM)
        watch.heard(1)
        change(
            deployment,
            f"UriAcl.objects.create(presentity=Persona.objects.get(aor='{one.aor}'), default='block')",
            "UriAcl",
        )
        second = read(watch.heard(2))
        assert not second.full and list(second.resources) == [one.aor]
        assert (second.resources[one.aor].state, second.resources[one.aor].reason) == ("terminated", "rejected")
        change(deployment, f"UriAcl.objects.get(presentity__aor='{one.aor}').delete()", "UriAcl")
        told(watch, one.aor, "<ce:available/>")


def contained(*uris: str) -> bytes:
    entries = "".join(f'<entry uri="{uri}"/>' for uri in uris)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
        f"<list>{entries}</list></resource-lists>"
    ).encode()


def test_a_list_may_come_with_the_subscribe(deployment: Deployment) -> None:
    """RFC 5367, R-LST-04: as Linphone asks; its body is gone from refreshes, its members stay."""
    with deployment.peer("u1") as one, deployment.peer("u16", transport="TCP") as watcher:
        one.publish(pidf(one.aor))
        headers = [
            ("Event", "presence"),
            ("Expires", "600"),
            ("Accept", ACCEPT),
            ("Require", "recipient-list-subscribe"),
            ("Supported", "eventlist"),
            ("Content-Type", "application/resource-lists+xml"),
            ("Content-Disposition", "recipient-list"),
        ]
        rls = f"sip:rls@{DOMAIN}"
        identity = {"Call_ID": "contained-1", "From": f"<{watcher.aor}>;tag=c1"}
        body = contained(one.aor, f"sip:u2@{DOMAIN}", f"sip:nobody@{DOMAIN}")
        answer = watcher.ask("SUBSCRIBE", rls, headers, body, **identity)
        assert answer.status == 200
        watch = Watch(watcher, rls, identity, answer)
        first = read(watch.heard(1))
        assert first.uri == rls and list(first.resources) == [one.aor, f"sip:u2@{DOMAIN}", f"sip:nobody@{DOMAIN}"]
        assert watch.refresh().status == 200
        assert read(watch.heard(2)).resources.keys() == first.resources.keys()
        deflated = [*headers, ("Content-Encoding", "deflate")]
        assert watcher.ask("SUBSCRIBE", rls, deflated, zlib.compress(body), Call_ID="contained-5").status == 200
        assert watcher.ask("SUBSCRIBE", rls, deflated, body, Call_ID="contained-6").status == 400
        bomb = zlib.compress(b" " * 10_000_000)
        assert watcher.ask("SUBSCRIBE", rls, deflated, bomb, Call_ID="contained-7").status == 413
        zipped = [*headers, ("Content-Encoding", "gzip")]
        assert watcher.ask("SUBSCRIBE", rls, zipped, body, Call_ID="contained-8").status == 415
        assert watcher.ask("SUBSCRIBE", rls, headers, b"<", Call_ID="contained-2").status == 400
        other = [(name, value) for name, value in headers if name != "Content-Type"]
        wrong = watcher.ask("SUBSCRIBE", rls, [*other, ("Content-Type", "text/plain")], body, Call_ID="contained-3")
        assert (wrong.status, wrong.get("Accept")) == (415, "application/resource-lists+xml")
        unwanted = [(name, value) for name, value in headers if name != "Supported"]
        assert watcher.ask("SUBSCRIBE", rls, unwanted, body, Call_ID="contained-4").status == 421


def test_somebody_elses_list_is_not_disclosed(deployment: Deployment) -> None:
    """R-LST-04, RFC 5367: an entry that is a list with another owner leads nowhere."""
    apply = f'lists: [{{uri: "secret@{DOMAIN}", owner: "u5@{DOMAIN}", members: ["u1@{DOMAIN}"]}}]'
    deployment.apply(apply)
    time.sleep(1.0)
    with deployment.peer("u6", transport="TCP") as other:
        headers = [
            ("Event", "presence"), ("Accept", ACCEPT), ("Require", "recipient-list-subscribe"),
            ("Supported", "eventlist"), ("Content-Type", "application/resource-lists+xml"),
        ]  # fmt: skip
        secret = f"sip:secret@{DOMAIN}"
        rls, identity = f"sip:rls@{DOMAIN}", {"Call_ID": "secret-1", "From": f"<{other.aor}>;tag=s1"}
        answer = other.ask("SUBSCRIBE", rls, headers, contained(secret), **identity)
        shown = read(Watch(other, rls, identity, answer).heard(1)).resources
        assert list(shown) == [secret] and (shown[secret].state, shown[secret].reason) == ("terminated", "noresource")


def test_a_list_goes_on_after_a_restart(deployment: Deployment) -> None:
    """R-LST-04, R-LST-06: the watcher is told only if something differs, and versions never go back."""
    with deployment.peer("u90") as one, deployment.peer("u17") as watcher:
        change(
            deployment,
            f"ResourceListMember(list=ResourceList.objects.create(uri='sip:kept@{DOMAIN}'), uri='{one.aor}').save()",
            "ResourceList",
        )
        watch = wait_until(
            lambda: found if (found := subscribe(watcher, f"sip:kept@{DOMAIN}")).response.status == 200 else None,
            "the list",
        )
        first = read(watch.heard(1))
        deployment.restart_edge()
        time.sleep(1.0)
        assert len(watch.notifies) == 1
        one.publish(pidf(one.aor))
        second = read(told(watch, one.aor, "<ce:available/>"))
        assert second.version > first.version and second.full
        assert watch.refresh().status == 200


def test_200_members_over_udp_come_in_pieces_that_arrive(deployment: Deployment) -> None:
    """R-LST-05: over UDP to a watcher without TCP: split into partial notifications, nothing is lost."""
    with deployment.peer("u18") as watcher:
        watch = subscribe(watcher, BIG)
        known: dict[str, bytes] = {}

        def everything() -> bool:
            for notify in list(watch.notifies):
                assert len(notify.body) < 60_000
                known.update({uri: one.body for uri, one in read(notify).resources.items() if one.body})
            return len(known) == 199  # all but u2, which nobody may watch

        wait_until(everything, "the state of all members")
        numbers = [read(notify).version for notify in watch.notifies]
        assert numbers == list(range(len(numbers))) and 1 < len(numbers) < 40
        assert read(watch.notifies[0]).full and not any(read(one).full for one in watch.notifies[1:])


def test_200_members_that_change_fast_are_told_at_a_bounded_rate(deployment: Deployment) -> None:
    """R-LST-06, DESIGN section 4: changes are gathered for the list interval, and the final state is never lost."""
    with deployment.peer("u19", transport="TCP") as watcher:
        watch = subscribe(watcher, BIG)
        assert len(read(watch.heard(1)).resources) == 200
        began = time.monotonic()
        tags: dict[str, str | None] = {}
        names = [f"u{n}" for n in range(100, 150)]
        phones = {name: deployment.peer(name, transport="TCP") for name in names}
        try:
            for turn in range(4):
                for name in names:
                    phone = phones[name]
                    answer = phone.publish(
                        pidf(phone.aor, "open" if turn % 2 else "closed", tuple_id=f"t{turn}"), tag=tags.get(name)
                    )
                    tags[name] = answer.get("SIP-ETag")
            for name in names:
                told(watch, phones[name].aor, 'id="t3"')
        finally:
            for phone in phones.values():
                phone.close()
        assert len(watch.notifies) <= time.monotonic() - began + 3
