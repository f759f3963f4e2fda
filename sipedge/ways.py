"""The way to somebody whose connection may be gone: to a client that has registered, to the peer of a dialog."""

from provisioning.uri import BadUri, SipUri
from sipedge.listeners import PROXY
from sipedge.locate import PORTS, Locator
from sipedge.network import PROBE_LIMIT, Network
from sipedge.resolve import address_of
from sipedge.rows import BindingRow
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow, flow_of_text
from sipedge.sip.grammar import split_list
from sipedge.sip.headers import NameAddr


async def to_client(network: Network, locator: Locator, binding: BindingRow) -> Flow | None:
    """The flow that a binding was registered over, or else one to its Path or Contact (D-46, RFC 3327)."""
    registered = flow_of_text(binding.flow)
    if registered is None or network.ours(registered.remote):
        return None
    if registered.transport == "UDP":
        return network.datagrams_to(registered.remote, PROXY)
    flow = network.connections.find(registered)
    if flow is not None:
        return flow
    try:
        if binding.path:  # a proxy listens, and it alone knows the way to the client
            proxy = NameAddr.parse(split_list(binding.path)[0]).uri
            if not isinstance(proxy, SipUri):
                return None
            return await network.first_of(await locator.of_uri(proxy), role=PROXY)
        if registered.transport != "TCP":  # a client's certificate is not known: only it can connect
            return None
        address = address_of(SipUri.parse(binding.contact))
    except (BadUri, SipError):
        return None
    if address is None or network.ours(address):
        return None
    return await network.connections.connect(address, limit=PROBE_LIMIT)


async def to_peer(network: Network, locator: Locator, dialog: Dialog) -> Flow | None:
    """Reach a peer whose connection is gone where its dialog says; None when only the peer could open another one.

    Over the transport of the dialog, whatever the Contact says about that. A proxy that records its IP address may
    be anybody whom we let in by name.
    """
    kind = dialog.flow.transport.lower()
    if kind not in PORTS:
        return None
    try:
        hops = await locator.of_uri(dialog.next_hop)
    except SipError:
        return None
    return await network.first_of([hop._replace(transport=kind) for hop in hops], also=network.let_in)
