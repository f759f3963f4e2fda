"""Two edges are asked for the same thing at the same moment (DESIGN 9)."""

import threading

import pytest

from tests.faults.edges import Edges
from tests.phone import Phone, pidf
from tests.system import Deployment

pytestmark = pytest.mark.system

ROUNDS = 20


def test_of_two_refreshes_with_one_entity_tag_one_wins(deployment: Deployment) -> None:
    """D-11: whichever edge each of them reaches; the tag of the winner is then the only one, at the other edge too, at
    once, before that one can have heard of it."""
    edges = Edges(deployment, 2)
    try:
        clients: list[Phone] = [edges.roamer("u0", 1), edges.roamer("u0", 2)]
        watch = edges.roamer("u1", 1).subscribe(clients[0].aor)
        tag = clients[0].publish(pidf(clients[0].aor, activity="busy")).get("SIP-ETag")
        for _ in range(ROUNDS):
            gate = threading.Barrier(len(clients))
            answers: dict[int, tuple[int, str | None]] = {}

            def refresh(number: int, tag: str | None = tag, gate: threading.Barrier = gate) -> None:
                gate.wait()
                answer = clients[number].publish(tag=tag)
                answers[number] = answer.status, answer.get("SIP-ETag")  # noqa: B023

            threads = [threading.Thread(target=refresh, args=(number,)) for number in range(len(clients))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(status for status, _ in answers.values()) == [200, 412]
            tag = next(new for status, new in answers.values() if status == 200)
            loser = next(number for number, (status, _) in answers.items() if status == 412)
            answer = clients[loser].publish(tag=tag)
            assert answer.status == 200
            tag = answer.get("SIP-ETag")
        assert clients[1].publish(pidf(clients[1].aor, activity="away"), tag=tag).status == 200
        watch.sees("<rpid:away/>")
    finally:
        edges.close()
