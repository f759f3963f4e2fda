"""Time lines at a running edge: what happens to a state is written down, and nobody waits for it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.test_lists import ACCEPT
from tests.phone import DOMAIN, pidf
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.manage(
            "shell", "-v0", "-c",
            "from provisioning.models import *; Persona.objects.filter(user__in=['u1', 'u5']).update(timeline=True)",
        )  # fmt: skip
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def change(site: Deployment, code: str, model: str) -> None:
    site.manage(
        "shell", "-v0", "-c",
        f"from provisioning.models import *; from provisioning.announce import announce; {code}; announce({model})",
    )  # fmt: skip


def entries(site: Deployment, user: str) -> list[dict[str, Any]]:
    """What a user's time line says, the oldest first."""
    rows = site.manage(
        "shell", "-v0", "-c",
        "import json; from presence.models import TimelineEntry as T\n"
        f"for one in T.objects.filter(aor='sip:{user}@{DOMAIN}').order_by('at', 'id').values("
        "'what', 'detail', 'before', 'after', 'count', 'watchers', 'edge'): print(json.dumps(one))",
    )  # fmt: skip
    return [json.loads(line) for line in rows.splitlines()]


def test_what_happens_and_who_is_told(site: Deployment) -> None:
    """Made, changed, withdrawn; refreshes are no news; another user's line is not kept."""
    source = '<s:source xmlns:s="urn:cisco:params:xml:ns:pidf:source">Desk</s:source>'
    with site.peer("u1") as one, site.peer("u2") as watcher, site.peer("u3") as other:
        watch = watcher.subscribe(one.aor)
        watch.heard(1)
        tag = one.publish(pidf(one.aor, extra=source), User_Agent="eyeBeam/1").get("SIP-ETag")
        watch.sees("<ce:available/>")
        tag = one.publish(tag=tag).get("SIP-ETag")
        tag = one.publish(pidf(one.aor, activity="busy"), tag=tag, User_Agent="eyeBeam/1").get("SIP-ETag")
        watch.sees("busy")
        other.publish(pidf(other.aor))
        one.publish(tag=tag, expires=0)
        watch.loses("busy")
        wait_until(lambda: any(e["what"] == "ended" for e in entries(site, "u1")), "the end")
        wait_until(lambda: sum(e["count"] for e in entries(site, "u1")) == 4, "all that was told")
        found = entries(site, "u1")
    changes = [one for one in found if one["what"] != "told"]
    assert [(one["what"], one["after"]) for one in changes] == [
        ("made", "Available"), ("changed", "Busy"), ("ended", "Unavailable"),
    ]  # fmt: skip
    assert [one["before"] for one in changes[1:]] == ["Available", "Busy"]
    assert changes[0]["detail"].startswith(f"eyeBeam/1 of sip:u1@{DOMAIN} by sip, source “Desk”")
    assert "busy" in changes[1]["detail"] and {one["edge"] for one in found} == {"edge-1"}
    assert all(one["watchers"] == f"sip:u2@{DOMAIN}" for one in found if one["what"] == "told")
    assert entries(site, "u3") == []


def test_provisioning_that_changes_a_state_and_cuts_off_a_watcher(site: Deployment) -> None:
    """What changed it, and who was told that it may not see it any more."""
    source = '<s:source xmlns:s="urn:cisco:params:xml:ns:pidf:source">Rota</s:source>'
    with site.peer("u5") as one, site.peer("u2") as watcher:
        one.publish(pidf(one.aor, activity="vacation", extra=source))
        watch = watcher.subscribe(one.aor)
        watch.sees("<ce:available/>")
        wait_until(lambda: entries(site, "u5"), "the publication")
        change(site, "SourcePriority(value='Rota', priority=5, manual_override=True).save()", "SourcePriority")
        watch.sees("vacation")
        change(site, "UriAcl(presentity=Persona.objects.get(user='u5'), default='block').save()", "UriAcl")
        wait_until(lambda: any(e["what"] == "cut_off" for e in entries(site, "u5")), "the end")
    found = entries(site, "u5")
    (policy,) = [one for one in found if one["what"] == "policy"]
    assert (policy["before"], policy["after"]) == ("Available", "On Vacation")
    (end,) = [one for one in found if one["what"] == "cut_off"]
    assert "rejected" in end["detail"] and end["watchers"] == f"sip:u2@{DOMAIN}"


def test_what_runs_out_and_a_list(site: Deployment) -> None:
    """A list's watcher is told about its member; the end of a publication is written at its time."""
    change(site, "Persona.objects.filter(user='u6').update(timeline=True)", "Persona")
    change(site, "ExpirySetting.objects.filter(method='publish').update(minimum=1, default=2)", "ExpirySetting")
    change(
        site,
        f"l = ResourceList.objects.create(uri='sip:team@{DOMAIN}');"
        f"ResourceListMember.objects.create(list=l, uri='sip:u6@{DOMAIN}', position=1)",
        "ResourceList",
    )
    with site.peer("u6") as one, site.peer("u7") as watcher:
        watch = watcher.subscribe(f"sip:team@{DOMAIN}", accept=ACCEPT, Supported="eventlist")
        watch.heard(1)
        wait_until(lambda: one.publish(pidf(one.aor), expires=2).status == 200, "the shorter expiry")
        wait_until(lambda: any("ran out" in e["detail"] for e in entries(site, "u6")), "the end")
    found = entries(site, "u6")
    ended = next(one for one in found if "ran out" in one["detail"])
    assert (ended["what"], ended["before"], ended["after"]) == ("ended", "Available", "Unavailable")
    told = [one for one in found if one["what"] == "told"]
    assert told and all(one["watchers"] == f"sip:u7@{DOMAIN}" for one in told)
