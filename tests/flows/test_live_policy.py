"""What an administrator changes reaches live subscriptions at once (DESIGN: policy is a snapshot)."""

from collections.abc import Iterator

import pytest

from tests.phone import pidf
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    """An edge on a bus of its own."""
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        yield found


def change(deployment: Deployment, code: str, model: str) -> None:
    """What the admin does when it saves."""
    deployment.manage(
        "shell", "-v0", "-c",
        f"from provisioning.models import *; from provisioning.announce import announce; {code}; announce({model})",
    )  # fmt: skip


def test_a_user_that_is_deleted_ends_its_subscriptions(deployment: Deployment) -> None:
    """D-13, R-ARC-02: terminated with noresource; the next SUBSCRIBE is 404."""
    with deployment.peer("u1") as one, deployment.peer("u2") as watcher:
        one.publish(pidf(one.aor))
        watch = watcher.subscribe(one.aor)
        watch.sees("<ce:available/>")
        change(deployment, f"Persona.objects.get(aor='{one.aor}').delete()", "Persona")
        assert watch.heard(2).get("Subscription-State") == "terminated;reason=noresource"
        assert watcher.subscribe(one.aor).response.status == 404


def test_permission_that_is_withdrawn_ends_subscriptions(deployment: Deployment) -> None:
    """D-13, D-15, R-NTF-03: terminated with rejected; one's own state may always be watched."""
    with deployment.peer("u1") as one, deployment.peer("u2") as watcher:
        watch, own = watcher.subscribe(one.aor), one.subscribe(one.aor)
        watch.heard(1)
        own.heard(1)
        change(deployment, "EngineSettings.objects.update(allow_by_default=False)", "EngineSettings")
        assert watch.heard(2).get("Subscription-State") == "terminated;reason=rejected"
        assert watcher.subscribe(one.aor).response.status == 403
        one.publish(pidf(one.aor))
        own.sees("<ce:available/>")


def test_a_source_that_becomes_known_changes_what_watchers_see(deployment: Deployment) -> None:
    """R-ARC-02, R-AOR-08, D-20, D-25: priorities are looked at again, and only who sees something new is told."""
    with deployment.peer("u1") as one, deployment.peer("u2") as watcher, deployment.peer("u3") as other:
        source = '<s:source xmlns:s="urn:cisco:params:xml:ns:pidf:source">Calendar</s:source>'
        one.publish(pidf(one.aor, activity="vacation", extra=source))
        other.publish(pidf(other.aor))
        watch, quiet = watcher.subscribe(one.aor), watcher.subscribe(other.aor)
        watch.sees("<ce:available/>")
        quiet.sees("<ce:available/>")
        change(
            deployment,
            "SourcePriority(value='Calendar', priority=5, manual_override=True).save()",
            "SourcePriority",
        )
        notify = watch.heard(2)
        assert b'<dm:person id="p5"><rpid:activities><rpid:vacation/>' in notify.body
        assert len(quiet.notifies) == 1


def test_a_change_made_beside_the_edge_is_seen(deployment: Deployment) -> None:
    """R-PUB-29, D-11: another process commits; the hint on the bus is enough."""
    with deployment.peer("u1") as one, deployment.peer("u2") as watcher:
        tag = one.publish(pidf(one.aor)).get("SIP-ETag")
        watch = watcher.subscribe(one.aor)
        watch.sees("<ce:available/>")
        deployment.manage(
            "shell", "-v0", "-c",
            "from presence.models import Publication; from provisioning import bus; "
            "row = Publication.objects.get(); Publication.objects.all().delete(); "
            "bus.announce_state([row.persona_id])",
        )  # fmt: skip
        watch.sees("<ce:unavailable/>")
        wait_until(lambda: one.publish(tag=tag).status == 412, "the end of the publication")
