"""What an edge says about itself, as JSON, for the pages that people and monitors look at: numbers, no secrets."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from sipedge.refusals import printable
from sipedge.sip.names import REASONS

if TYPE_CHECKING:
    from sipedge.worker import Edge

BUSIEST = 10
"Addresses shown with the connections and requests that they hold."


def report(edge: "Edge") -> dict[str, Any]:
    """The facts of this moment; counts are since the start."""
    peers, connections = edge.peers, edge.network.connections
    return {
        "listeners": [
            {"transport": one.transport, "address": f"{one.host}:{one.port}", "role": one.role, "told": one.sent_by}
            for one in edge.network.listeners
        ],
        "connections": {
            "held": peers.connections.total,
            "half_open": peers.half_open.total,
            "by_transport": connections.by_transport(),
            "addresses": [{"address": host, "count": count} for host, count in peers.connections.greatest(BUSIEST)],
        },
        "transactions": {
            "held": len(edge.stack),
            "handled": peers.requests.total,
            "addresses": [{"address": host, "count": count} for host, count in peers.requests.greatest(BUSIEST)],
            **edge.stack.counters,
        },
        "answers": _answers(edge),
        "queues": {
            "requests": peers.requests.total,
            "commit": len(edge.committer),
            "notify": len(edge.notifier),
            "unwritten": len(edge.subscriptions.unwritten),
            "datagrams": edge.network.queued,
        },
        "telephony": {"sessions": len(edge.telephony.sessions), "calls": len(edge.telephony.switch.model.calls)},
        "subscriptions": len(edge.subscriptions),
        "beside": edge.siblings.report() if edge.siblings is not None else {},
        "drain": edge.drain.report(),
        "refusals": peers.refusals.report(),
        "tls_errors": peers.refusals.errors(),
        "certificates": [
            {
                "file": printable(name),
                "names": [printable(domain) for domain in facts.names],
                "expires_at": facts.expires_at.isoformat() if facts.expires_at is not None else None,
                "expires_soon": facts.expires_soon(edge.now()),
                "problem": printable(facts.problem),
            }
            for name, facts in sorted(edge.network.certificates.files.items())
        ],
    }


def _answers(edge: "Edge") -> dict[str, int]:
    """Answers sent, by code; one that SIP does not know, which peers can make up, counts as the first of its class."""
    found: Counter[str] = Counter()
    for (_method, status), number in edge.stack.answers.items():
        found[str(status if status in REASONS else status // 100 * 100)] += number
    return dict(found)
