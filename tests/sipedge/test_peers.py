"""What one address may take, as the policy has it at that moment."""

import ipaddress

import pytest

from presence.engine.errors import TryAgainLater
from provisioning.policy import LimitFacts, Policy
from sipedge import refusals
from sipedge.peers import Peers

HOST = "192.0.2.1"
STRICT = LimitFacts(connections=2, half_open=2, transactions=2, publish_rate=2, message_rate=3)
EXEMPT = (ipaddress.ip_network("192.0.2.0/24"),)


@pytest.fixture
def peers() -> Peers:
    made = Peers()
    made.take_policy(Policy(limits=STRICT))
    return made


@pytest.mark.parametrize(
    ("held", "may", "reason"),
    [
        ("connections", "may_connect", refusals.CONNECTIONS),
        ("half_open", "may_begin", refusals.HALF_OPEN),
        ("requests", "may_ask", refusals.TRANSACTIONS),
    ],
)
def test_an_address_is_refused_beyond_its_limit(peers: Peers, held: str, may: str, reason: str) -> None:
    """D-39: others are not; what is given back can be taken again; an exemption counts at once."""
    taken, allowed = getattr(peers, held), getattr(peers, may)
    for _ in range(2):
        assert allowed(HOST)
        taken.take(HOST)
    assert not allowed(HOST) and allowed("192.0.2.2")
    assert peers.refusals.reasons == {reason: 1}
    taken.give(HOST)
    assert allowed(HOST)
    taken.take(HOST)
    peers.take_policy(Policy(limits=STRICT, unlimited=EXEMPT))
    assert allowed(HOST)
    peers.take_policy(Policy(limits=STRICT))
    assert not allowed(HOST)
    for _ in range(2):
        taken.give(HOST)
    assert taken.total == 0 and taken.greatest(5) == []


def test_publications_and_messages_have_rates_of_their_own(peers: Peers) -> None:
    """D-39: of one user; other methods have none."""
    for method, limit, reason in (("PUBLISH", 2, refusals.PUBLISH_RATE), ("MESSAGE", 3, refusals.MESSAGE_RATE)):
        for _ in range(limit):
            peers.check_rate(method, "joe", HOST, 0.0)
        with pytest.raises(TryAgainLater) as refused:
            peers.check_rate(method, "joe", HOST, 0.0)
        assert 0 < refused.value.retry_after <= 120
        peers.check_rate(method, "ann", HOST, 0.0)
        assert peers.refusals.reasons[reason] == 1
    for _ in range(10):
        peers.check_rate("SUBSCRIBE", "joe", HOST, 0.0)
    peers.take_policy(Policy(limits=STRICT, unlimited=EXEMPT))
    peers.check_rate("PUBLISH", "joe", HOST, 0.0)
