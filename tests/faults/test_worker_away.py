"""No Celery worker for an hour: what runs out is told by the edge all the same, and swept when it is back."""

import json

import pytest

from tests.faults.load import PATIENCE, Recovery
from tests.phone import pidf
from tests.services import Valkey
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

SHORT = 3
"Seconds until things run out."

EXPIRY = "settings: {expiry: {" + ", ".join(
    f"{what}: {{min: 1, default: {SHORT}, max: 7200}}" for what in ("subscribe", "publish", "register")
) + "}}"  # fmt: skip

ROWS = (
    "import json; from presence.models import Publication, Subscription; from sipedge.models import Binding\n"
    "print(json.dumps([model.objects.count() for model in (Publication, Subscription, Binding)]))"
)

AN_HOUR_LATER = (
    "from datetime import timedelta; from django.db.models import F; from django.utils import timezone\n"
    "from presence.models import Publication, Subscription; from sipedge.models import Binding\n"
    "for model in (Publication, Subscription, Binding):\n"
    "    ended = model.objects.filter(expires_at__lte=timezone.now())\n"
    "    ended.update(expires_at=F('expires_at') - timedelta(hours=1))"
)
"What has ended did so an hour ago."

ASKED = "from sipedge.tasks import sweep_bindings; sweep_bindings.delay()"
"Something that is wanted of the worker while it is away; the rest is what beat wants of it when it is back."


def test_what_runs_out_without_the_worker() -> None:
    """R-PUB-29, R-NTF-03, D-13, D-46: watchers hear at once that a publication and that a subscription have run out, a
    contact that has run out is not used, the old tag is unknown, and everything goes on; then the rows are swept."""
    with Valkey() as bus, deployed(bus=bus.url) as deployment:
        deployment.apply(EXPIRY)
        deployment.start_edge()
        client, watcher, other = deployment.phone("u1"), deployment.peer("ippm4"), deployment.phone("u2")
        with client, watcher, other:
            watch = watcher.subscribe(client.aor, expires=7200)
            brief = watcher.subscribe(other.aor, expires=SHORT)
            answer = client.publish(pidf(client.aor, activity="busy"), expires=SHORT)
            assert client.register(client.contact, expires=SHORT).status == 200
            watch.sees("<rpid:busy/>")
            watch.loses("<rpid:busy/>")
            last = wait_until(lambda: brief.notifies[-1] if len(brief.notifies) > 1 else None, "the end")
            assert last.get("Subscription-State") == "terminated;reason=timeout"
            assert client.publish(tag=answer.get("SIP-ETag")).status == 412
            wait_until(lambda: other.message("u1").status == 480, "the end of a registration", pause=0.5)
            deployment.manage("shell", "-v0", "-c", AN_HOUR_LATER)
            assert json.loads(deployment.manage("shell", "-v0", "-c", ROWS)) == [1, 2, 1], "nobody has swept"

            fresh = client.publish(pidf(client.aor, activity="meal"), expires=7200)
            assert fresh.status == 200 and client.register(client.contact, expires=7200).status == 200
            watch.sees("<rpid:meal/>")
            assert watch.refresh(expires=7200).status == 200
            heard = len(watch.notifies)
            deployment.manage("shell", "-v0", "-c", ASKED)
            back = Recovery("worker away")
            deployment.start_worker()
            wait_until(
                lambda: json.loads(deployment.manage("shell", "-v0", "-c", ROWS)) == [1, 1, 1], "the sweep", PATIENCE, 1
            )
            back.over()
            assert client.publish(tag=fresh.get("SIP-ETag"), expires=7200).status == 200, "what runs was not swept"
            assert watch.refresh(expires=7200).status == 200
            assert all("<rpid:meal/>" in one.body.decode() for one in watch.notifies[heard:]), "no news of what is old"
        assert "Traceback" not in deployment.logs(), deployment.logs()
