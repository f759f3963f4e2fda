"""What an edge says about itself, as JSON, for the pages that people and monitors look at: numbers, no secrets."""

from typing import TYPE_CHECKING, Any

from sipedge.refusals import printable

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
        "subscriptions": len(edge.subscriptions),
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
