"""An edge is gone for good, or for a while: the others take its watchers over, and nobody is told twice (DESIGN 9)."""

import signal
import time
from collections.abc import Iterator

import psutil
import psycopg
import pytest

from tests.faults.edges import LEASE, Edges, contact_of, rises
from tests.faults.load import Load, Publisher, token
from tests.phone import pidf
from tests.services import PostgreSQL, valkey
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


DEACTIVATED = (
    "from presence.models import Subscription; print(Subscription.objects.filter(reason='deactivated').count())"
)
"Subscriptions over connections that went with their edge."


@pytest.fixture
def edges(postgresql_server: PostgreSQL) -> Iterator[Edges]:
    """Three edges on PostgreSQL."""
    with valkey() as bus, deployed(server=postgresql_server.url, bus=bus) as deployment:
        found = Edges(deployment, 3)
        yield found
        found.close()
        assert "Traceback" not in deployment.logs(), deployment.logs()


def test_the_survivors_adopt_the_watchers_of_a_dead_edge(edges: Edges) -> None:
    """D-11, R-NTF-05: after kill -9 of one of three edges what was acknowledged is there, each watcher over UDP goes on
    in its dialog at one of the others and ends with the final state, and those over TCP subscribe anew."""
    watchers = {number: [edges.roamer(f"u{10 * number + n}", number) for n in range(4)] for number in edges.ports}
    bound = {number: edges.connected(f"u{100 + number}", number) for number in edges.ports}
    publishers = [Publisher(edges.roamer(f"u{number}", number % 3 + 1)) for number in range(6)]
    load = Load(publishers, patience=30)
    try:
        load.goes_on(3)
        targets = [one.phone.aor for one in load.publishers]
        watches = {number: [one.subscribe(to) for one in mine for to in targets] for number, mine in watchers.items()}
        over_tcp = {number: [one.subscribe(to) for to in targets] for number, one in bound.items()}
        for watch in [one for group in (*watches.values(), *over_tcp.values()) for one in group]:
            watch.heard(1)
        load.goes_on(5)
        edges.kill(1)
        for number, one in enumerate(load.publishers):
            if number % 3 == 0:
                one.phone.server = ("127.0.0.1", edges.ports[2])  # type: ignore[attr-defined]
        load.goes_on(5)
        for watch in watches[1]:
            wait_until(lambda watch=watch: contact_of(watch)[1] != edges.ports[1], "another edge's Contact", 60)
        again = [edges.connected("u101", 3).subscribe(to) for to in targets]
        load.goes_on(5)
    finally:
        load.stop()
    survivors = {edges.ports[2], edges.ports[3]}
    assert {contact_of(watch)[1] for watch in watches[1]} == survivors, "each of them has taken a share"
    for index, one in enumerate(load.publishers):
        state = edges.roamer("u50", 2).subscribe(one.phone.aor).heard(1).body
        seen = next(text for text in (token(one.number), token(one.last)) if text.encode() in state)
        for watch in (
            *(mine for group in watches.values() for mine in group[index :: len(targets)]),
            *(over_tcp[number][index] for number in (2, 3)),
            again[index],
        ):
            watch.sees(seen)
        tag = one.tag
        one.step("working")
        assert one.acknowledged == "working" or one.answers[412]
        if one.acknowledged == "working":
            one.phone.server = ("127.0.0.1", edges.ports[3])  # type: ignore[attr-defined]
            assert one.phone.publish(tag=tag).status == 412, "no entity tag counts twice, at whatever edge"
    for watch in watches[1]:
        assert rises(watch)
        watch.phone.server = contact_of(watch)  # type: ignore[attr-defined]
        heard = len(watch.notifies)
        assert watch.refresh().status == 200
        watch.heard(heard + 1)
        assert rises(watch)
    adopted = edges.ask(
        "from presence.models import EdgeLease, Subscription; print(EdgeLease.objects.get(edge='edge-1').adopted, "
        "Subscription.objects.filter(edge='edge-1').exclude(state='terminated').count(), "
        "Subscription.objects.filter(reason='deactivated').count())"
    )
    numbers, left, ended = adopted.rsplit(" ", 2)
    assert "edge-2" in numbers and "edge-3" in numbers
    assert (int(left), int(ended)) == (0, len(targets)), "those over TCP have ended"


def test_an_edge_that_was_stopped_for_longer_than_its_lease_tells_nobody_anything(edges: Edges) -> None:
    """R-NTF-05: when it goes on, its watchers have others to hear from: it repeats nothing and says nothing to them."""
    presentity, watcher, bound = edges.roamer("u0", 2), edges.roamer("u1", 1), edges.connected("u2", 1)
    tag = presentity.publish(pidf(presentity.aor, activity="busy")).get("SIP-ETag")
    watch, lost = watcher.subscribe(presentity.aor), bound.subscribe(presentity.aor)
    watch.sees("<rpid:busy/>"), lost.sees("<rpid:busy/>")
    watcher.answer_with = 0  # so that a NOTIFY is out, which would be repeated
    tag = presentity.publish(pidf(presentity.aor, activity="meal"), tag=tag).get("SIP-ETag")
    watch.sees("<rpid:meal/>")
    edges.signal(1, signal.SIGSTOP)
    watcher.answer_with = 200
    wait_until(lambda: contact_of(watch)[1] != edges.ports[1], "another edge's Contact", 60)
    adopter = contact_of(watch)[1]
    wait_until(lambda: edges.ask(DEACTIVATED) == "1", "the end of the other one, by whichever edge", 60, 0.5)
    taken_over = len(watcher.said)
    presentity.publish(pidf(presentity.aor, activity="away"), tag=tag)
    watch.sees("<rpid:away/>")
    edges.signal(1, signal.SIGCONT)
    edges.logged("the lease had run out")
    wait_until(lambda: not bound._thread.is_alive(), "the end of the connection whose subscription has ended")
    fresh = edges.roamer("u3", 1).subscribe(presentity.aor)
    assert fresh.sees("<rpid:away/>"), "it serves again"
    tag = presentity.publish(pidf(presentity.aor, activity="travel", tuple_id="t2")).get("SIP-ETag")
    fresh.sees("<rpid:travel/>"), watch.sees("<rpid:travel/>")
    time.sleep(LEASE)  # for what would be repeated, or written behind
    assert {one.port for one in watcher.said[taken_over - 1 :]} == {adopter}
    assert rises(watch)
    watcher.server = contact_of(watch)
    assert watch.refresh().status == 200


def test_an_edge_that_is_back_within_its_lease_keeps_its_watchers(edges: Edges) -> None:
    """R-NTF-05: nobody takes anything from it meanwhile; nor later."""
    edges.kill(1)
    edges.start(1, CUPS_LEASE_SECONDS="60")  # longer than a busy machine takes to start it again
    presentity, watcher = edges.roamer("u0", 2), edges.roamer("u1", 1)
    tag = presentity.publish(pidf(presentity.aor, activity="busy")).get("SIP-ETag")
    watch = watcher.subscribe(presentity.aor)
    watch.sees("<rpid:busy/>")
    edges.kill(1)
    edges.start(1, CUPS_LEASE_SECONDS="60")
    presentity.publish(pidf(presentity.aor, activity="away"), tag=tag)
    watch.sees("<rpid:away/>")
    time.sleep(2 * LEASE)
    assert watch.refresh().status == 200
    assert {one.port for one in watcher.said} == {edges.ports[1]} and rises(watch)


def test_an_edge_that_stops_within_a_transaction_holds_nobody_up(edges: Edges) -> None:
    """D-11: the rows that it was writing are free again after seconds; what was acknowledged before is there."""
    one = Publisher(edges.roamer("u0", 1))
    load = Load([one])
    try:
        wait_until(lambda: one.done > 3, "a publishing load", 60)
        wait_until(lambda: stopped_while_writing(edges, 1), "an edge that stops within a transaction", 120, 0.003)
    finally:
        load.stop()
    one.phone.server = ("127.0.0.1", edges.ports[2])  # type: ignore[attr-defined]
    wait_until(
        lambda: one.phone.publish(pidf(one.phone.aor, activity="away"), tag=one.tag).status == 200,
        "a change of what the stopped edge was writing", 60, 0.5,
    )  # fmt: skip
    other = edges.roamer("u1", 2)
    assert other.publish(pidf(other.aor)).status == 200


def stopped_while_writing(edges: Edges, number: int) -> bool:
    """Stop this edge; whether it was within a transaction that has written something. Else it goes on."""
    edges.signal(number, signal.SIGSTOP)
    process = psutil.Process(edges.processes[number].pid)
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED, "a stopped process")
    ports = [one.laddr.port for one in process.net_connections("tcp") if one.raddr]
    with psycopg.connect(edges.deployment.environment["DATABASE_URL"]) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE client_port = ANY(%s) AND backend_xid IS NOT NULL "
            "AND state = 'idle in transaction'",
            [ports],
        ).fetchall()
    if not found:
        edges.signal(number, signal.SIGCONT)
    return bool(found)
