"""UDP at its worst: what the transactions of RFC 3261 17 are for, with the whole product at one end."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.load import PATIENCE, Publisher, figure, in_order, token
from tests.faults.lossy import FAIR, Relay, Weather
from tests.phone import Phone, Watch
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

BAD = Weather(loss=0.2, twice=0.1, late=0.2, delay=0.3)
"A fifth of all datagrams is lost: a request and its answer arrive together in two of three cases."

SEED = 20261128

PUBLISHERS, WATCHERS = 5, 3

CHANGES = 12
"Of each publisher."

ROWS = (
    "import json; from presence.models import Publication, Subscription;"
    "print(json.dumps([list(Publication.objects.order_by('persona__user').values_list('persona__user', 'version')),"
    "list(Subscription.objects.values_list('state', flat=True))]))"
)
"How often each publication was written, and the states of subscriptions."


def changes(one: Publisher) -> None:
    """All of them, each with the entity tag of the one before."""
    tags = {one.tag}
    for _ in range(CHANGES):
        assert one.step(patience=PATIENCE) == 200, one.answers
        tags.add(one.tag)
    assert len(tags) == 1 + CHANGES


def all_at_once(work: list[Callable[[], object]]) -> None:
    """Beside one another."""
    with ThreadPoolExecutor(len(work)) as running:
        for done in [running.submit(one) for one in work]:
            done.result()


def answered_alike(phone: Phone) -> bool:
    """However often a request was repeated, its answers were the same."""
    answers = defaultdict(set)
    for one in phone.responses:
        answers[one.get("Call-ID"), one.get("CSeq")].add((one.status, one.get("SIP-ETag"), one.to.tag))
    return all(len(found) == 1 for found in answers.values())


def test_everything_happens_once_and_everybody_knows_the_last_state() -> None:
    """D-11, D-12, R-NTF-05: with a fifth of all datagrams lost, each change is made once, each tag leads to
    the next, each subscription is there once, and watchers end with the final state, in order."""
    with deployed() as deployment:
        deployment.start_edge()
        with Relay(("127.0.0.1", deployment.engine), BAD, SEED) as relay:
            publishers = [Publisher(relay.phone(f"u{number}")) for number in range(PUBLISHERS)]
            watchers = [relay.phone(f"u{100 + number}") for number in range(WATCHERS)]
            watches: list[Watch] = []

            def watch(phone: Phone) -> None:
                for one in publishers:
                    found = phone.subscribe(one.phone.aor, patience=PATIENCE)
                    assert found.response.status == 200
                    watches.append(found)
                for found in [one for one in watches if one.phone is phone]:
                    assert found.refresh(patience=PATIENCE).status == 200

            begun = time.monotonic()
            all_at_once(
                [lambda one=one: changes(one) for one in publishers] + [lambda one=one: watch(one) for one in watchers]
            )
            figure("every fifth datagram lost: the load took", time.monotonic() - begun)
            for found in watches:
                wait_until(
                    lambda found=found: found.notifies and token(CHANGES).encode() in found.notifies[-1].body,
                    f"the last state of {found.target} at {found.phone.aor}", PATIENCE,
                )  # fmt: skip
                assert in_order(found)
            figure("and all watchers knew the last state after", time.monotonic() - begun)
            all_at_once([lambda found=found: end(found) for found in watches])
            figure("and all subscriptions had ended after", time.monotonic() - begun)
            written, states = json.loads(deployment.manage("shell", "-v0", "-c", ROWS))
            assert written == [[one.phone.aor.user, CHANGES] for one in publishers], "each change was written once"
            assert states == ["terminated"] * PUBLISHERS * WATCHERS, "and each subscription"
            assert all(answered_alike(phone) for phone in [*watchers, *(one.phone for one in publishers)])
            assert min(relay.fates[fate] for fate in ("lost", "twice", "late")) > 50, relay.fates
            relay.weather = FAIR
            for phone in [*watchers, *(one.phone for one in publishers)]:
                phone.close()
        assert "Traceback" not in deployment.logs(), deployment.logs()


def end(watch: Watch) -> None:
    """It ends, and its last NOTIFY comes."""
    assert watch.refresh(expires=0, patience=PATIENCE).status == 200
    wait_until(
        lambda: (watch.notifies[-1].get("Subscription-State") or "").startswith("terminated"),
        "the last NOTIFY",
        PATIENCE,
    )
    assert in_order(watch)
