"""An explanation and a real watcher at a running edge agree, octet by octet."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.phone import DOMAIN, Phone, pidf
from tests.rest import Web, integrator
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

RULES = f"""
settings: {{expiry: {{publish: {{min: 1, default: 3600, max: 7200}}}}}}
uri_acls:
  - presentity: "u1@{DOMAIN}"
    default: block
    entries:
      - {{uri: "u3@{DOMAIN}", effect: polite_block}}
      - {{uri: "u4@{DOMAIN}", effect: block}}
      - {{domain: "{DOMAIN}", effect: allow}}
      - {{domain: example.org, effect: allow}}
filters:
  - {{kind: phone_only, client_type: MeetingPlace}}
  - {{kind: im_only, domain: example.org}}
aliases: [{{uri: "one@{DOMAIN}", user: "u1@{DOMAIN}"}}]
"""
TABLES = f"""
from provisioning.models import *
PrivacyList.objects.create(owner=Persona.objects.get(aor="sip:u2@{DOMAIN}"), kind="default", hidden_devices=["phone"])
SourcePriority.objects.create(value="Desk", priority=10)
"""
PHONE = "Cisco-CCM5.1"
LAPTOP = "Purple/2.14"
DESK = '<so:source xmlns:so="urn:cisco:params:xml:ns:pidf:source">Desk</so:source>'
CONTACT = "<contact>sip:same@192.0.2.1</contact>"


class Case(NamedTuple):
    """Who asks for whom, with what, and what becomes of it."""

    watcher: str
    presentity: str
    client: str
    status: int
    label: str
    sees: str = ""
    hides: str = ""
    decided: str = ""
    "In the text of a step."


CASES = (
    Case("other@example.org", "u1", "", 200, "Interruptible But Busy", "laptop", "desk", "domain example.org"),
    Case("u2", "u1", "", 200, "Interruptible But Busy", "<rpid:busy/>", "", f"domain {DOMAIN}"),
    Case("u4", "u1", "", 403, "", decided=f"names sip:u4@{DOMAIN} and blocks it."),
    Case("u3", "u1", "", 200, "Unavailable", "<ce:unavailable/>", "laptop", "blocks it politely"),
    Case("u5", "one", "", 200, "Interruptible But Busy", f'entity="sip:one@{DOMAIN}"', "", "alias of"),
    Case("u2", "u1", "MeetingPlace/5.1", 200, "Interruptible But Busy", "desk", "laptop", "phones only"),
    Case("u1", "u2", "", 200, "Interruptible But Busy", "laptop", "desk", "hides devices of type phone"),
    Case("u1", "u6", "", 200, "Available", "<basic>open</basic>", "<basic>closed</basic>", "has a higher priority"),
    Case("u1", "u7", "", 200, "Available", "laptop", "desk", "ran out"),
    Case("u1", "u8", "", 200, "Unknown", 'id="none"', "", "there never was one"),
    Case("u1", "no.such.user", "", 404, "", decided="No alias"),
)


class Site(NamedTuple):
    """A running edge, and the REST door beside it."""

    deployment: Deployment
    rest: Web

    def explained(self, case: Case) -> dict[str, Any]:
        """What REST says of a case."""
        watcher = case.watcher if "@" in case.watcher else f"{case.watcher}@{DOMAIN}"
        query = f"watcher={watcher}&presentity={case.presentity}@{DOMAIN}&user_agent={case.client}"
        status, found = self.rest.ask("GET", f"explain/?{query}")
        assert status == 200, found
        return dict(found)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.apply(RULES)
        found.manage("shell", "-v0", "-c", TABLES)
        found.start_edge()
        rest = integrator(found)
        with found.peer("u1") as one, found.peer("u2") as two, found.peer("u6") as six, found.peer("u7") as seven:
            for phone in (one, two):
                _publish(phone, "desk", PHONE, activity="on-the-phone")
                _publish(phone, "laptop", LAPTOP)
            _publish(six, "same", LAPTOP, extra=DESK + CONTACT)
            _publish(six, "same", LAPTOP, basic="closed", extra=CONTACT)
            watch = one.subscribe(seven.aor)
            _publish(seven, "desk", PHONE, expires=1, activity="on-the-phone")
            _publish(seven, "laptop", LAPTOP)
            watch.sees("laptop")
            watch.loses("desk")
            yield Site(found, rest)
        assert "Traceback" not in found.logs()


def _publish(phone: Phone, device: str, client: str, *, expires: int = 3600, **said: str) -> None:
    """One component."""
    body = pidf(phone.aor, tuple_id=device, **said)  # type: ignore[arg-type]
    assert phone.publish(body, expires=expires, User_Agent=client).status == 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.watcher} {case.presentity} {case.client}".strip())
def test_an_explanation_says_what_the_watcher_is_sent(site: Site, case: Case) -> None:
    """R-ARC-02, R-CMP-01, D-15, D-16, D-18, D-23 to D-25: the same answer, and the same octets as in the NOTIFY."""
    before = site.explained(case)
    assert before["subscriptions"] == 0 or case.presentity == "u7"
    assert (before["answer"], before["label"]) == (case.status, case.label)
    assert any(case.decided in step["text"] for step in before["steps"]), "what decided is named"
    with site.deployment.peer(case.watcher) as phone:
        client = {"User_Agent": case.client} if case.client else {}
        watch = phone.subscribe(f"sip:{case.presentity}@{DOMAIN}", **client)
        assert watch.response.status == case.status
        if case.status != 200:
            assert before["document"] == "" and not watch.notifies
            return
        body = watch.heard(1).body
        assert before["document"].encode() == body
        assert case.sees.encode() in body and (not case.hides or case.hides.encode() not in body)
        after = site.explained(case)
        assert after["subscriptions"] == before["subscriptions"] + 1 and after["document"].encode() == body
        watch.refresh(expires=0)


def test_the_command_tells_the_same(site: Site) -> None:
    """Beside a running product."""
    said = site.deployment.manage("explain", f"u4@{DOMAIN}", f"u1@{DOMAIN}")
    assert "403 Forbidden" in said and f"names sip:u4@{DOMAIN} and blocks it." in said
