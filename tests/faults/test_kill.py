"""kill -9 of the edge in the middle of a publishing load: nothing that was acknowledged is lost."""

import time

import pytest

from tests.faults.load import ACTIVITIES, Load, Publisher
from tests.phone import pidf
from tests.system import Deployment

pytestmark = pytest.mark.system

PUBLISHERS = 8


def test_nothing_acknowledged_is_lost(deployment: Deployment) -> None:
    """D-11, R-PUB-29, R-NTF-05: after kill -9 each acknowledged publication is there with its tag, each watcher is
    told the final state, and CSeq never repeats."""
    edge = deployment.start_edge()
    publishers = [Publisher(deployment.peer(f"u{number}")) for number in range(PUBLISHERS)]
    watcher = deployment.peer("ippm4")
    watches = [watcher.subscribe(one.phone.aor) for one in publishers]
    for watch in watches:
        watch.heard(1)
    load = Load(publishers, pause=0.0)
    load.goes_on(20)
    edge.kill()
    edge.wait()
    load.stop()
    deployment.start_edge()
    try:
        for one in publishers:
            last = watches[publishers.index(one)]
            # A change whose 200 was not heard may be committed: then its tag is unknown to the client, as after any
            # lost answer. Whatever was answered is there.
            probe = deployment.peer(one.phone.aor.user)
            state = probe.subscribe(one.phone.aor).heard(1).body
            expected = {one.acknowledged, one.attempted}
            assert any(f"<rpid:{activity}/>".encode() in state for activity in expected)
            if f"<rpid:{one.acknowledged}/>".encode() in state and one.acknowledged != one.attempted:
                answer = one.phone.publish(tag=one.tag)
                assert answer.status == 200, "no 412 for an entity tag that was handed out"
            probe.close()
            last.sees(_activity(state))
        for watch in watches:
            numbers = [notify.cseq.number for notify in watch.notifies]
            bodies = {(notify.cseq.number, notify.body) for notify in watch.notifies}
            assert len(set(numbers)) == len(bodies) == len(numbers), "CSeq never repeats"
            assert numbers == sorted(numbers)
        assert sum(one.answers[412] for one in publishers) == 0
    finally:
        watcher.close()
        for one in publishers:
            one.phone.close()


def _activity(state: bytes) -> str:
    return next(f"<rpid:{activity}/>" for activity in ACTIVITIES if f"<rpid:{activity}/>".encode() in state)


def test_after_an_ordered_stop_only_differences_are_told(deployment: Deployment) -> None:
    """R-NTF-05, D-40: a restart resumes subscriptions; who has seen the state is not told again."""
    edge = deployment.start_edge()
    with deployment.peer("u1") as same, deployment.peer("u2") as other, deployment.peer("u3") as watcher:
        same.publish(pidf(same.aor))
        other.publish(pidf(other.aor))
        quiet, loud = watcher.subscribe(same.aor), watcher.subscribe(other.aor)
        quiet.sees("<ce:available/>")
        loud.sees("<ce:available/>")
        edge.terminate()
        assert edge.wait(20) == 0
        deployment.manage(
            "shell", "-v0", "-c",
            "from presence.models import Publication; from django.utils import timezone; "
            f"Publication.objects.filter(persona__aor='{other.aor}').update(expires_at=timezone.now())",
        )  # fmt: skip
        deployment.start_edge()
        loud.sees("<ce:unavailable/>")
        assert len(quiet.notifies) == 1
        assert quiet.refresh().status == 200
        assert quiet.heard(2).cseq.number > quiet.notifies[0].cseq.number


def test_what_ran_out_meanwhile_is_told_at_the_start(deployment: Deployment) -> None:
    """R-NTF-03, D-13: subscriptions that expired while the edge was down get their last NOTIFY."""
    deployment.apply("settings: {expiry: {subscribe: {min: 1, default: 2, max: 10}}}")
    edge = deployment.start_edge()
    with deployment.peer("u1") as watcher:
        watch = watcher.subscribe("u2", expires=2)
        watch.heard(1)
        edge.kill()
        edge.wait()
        time.sleep(2)
        deployment.start_edge()
        assert watch.heard(2).get("Subscription-State") == "terminated;reason=timeout"
