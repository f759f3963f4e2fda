"""Trusted peers that follow from other provisioning (D-22, R-SEC-06, R-SEC-07)."""

import pytest
from django.core.exceptions import ValidationError

from provisioning import automatic, snapshot
from provisioning.announce import announce
from provisioning.importing.apply import apply
from provisioning.importing.grammar import read
from provisioning.models import ForeignServer, Listener, TrustedPeer

pytestmark = pytest.mark.django_db


def entries() -> dict[str, bool]:
    """Network -> automatic."""
    return dict(TrustedPeer.objects.exclude(network=None).values_list("network", "automatic"))


def test_our_proxies_are_trusted_from_the_start() -> None:
    """R-SEC-06, D-22: one IP entry for each proxy address, at installation."""
    assert entries() == {"127.0.0.1": True}
    assert snapshot.load().trusts("127.0.0.1")


def test_a_proxy_on_another_address_is_trusted_and_an_engine_is_not() -> None:
    """D-22: whenever they change; a proxy on all addresses is reached over loopback."""
    Listener.objects.create(transport="udp", host="192.0.2.1", port=5060, role="proxy")
    Listener.objects.create(transport="udp", host="::", port=5060, role="proxy")
    Listener.objects.create(transport="udp", host="192.0.2.2", port=5070, role="engine")
    announce(Listener)
    assert entries() == {"127.0.0.1": True, "192.0.2.1": True, "::1": True}
    Listener.objects.filter(role="proxy").delete()
    announce(Listener)
    assert entries() == {}


def test_call_manager_nodes_are_trusted() -> None:
    """R-SEC-06, D-22: by IP address, while they are marked; other foreign servers are not."""
    ForeignServer.objects.create(name="cm", address="192.0.2.7:5080", call_manager=True)
    ForeignServer.objects.create(name="six", address="[2001:db8::7]", call_manager=True)
    ForeignServer.objects.create(name="partner", address="192.0.2.8")
    announce(ForeignServer)
    assert entries() == {"127.0.0.1": True, "192.0.2.7": True, "2001:db8::7": True}
    ForeignServer.objects.filter(name="cm").update(call_manager=False)
    announce(ForeignServer)
    assert "192.0.2.7" not in entries()


def test_the_provisioning_file_counts_too() -> None:
    """D-22."""
    apply(read('foreign_servers: [{name: cm, address: "192.0.2.7", call_manager: true}]'))
    assert entries()["192.0.2.7"] is True


def test_what_was_made_by_hand_stays_as_it_is() -> None:
    """D-22, R-SEC-07: TLS entries are only ever made by hand."""
    TrustedPeer.objects.create(network="192.0.2.7", description="ours")
    TrustedPeer.objects.create(tls_name="proxy.example")
    ForeignServer.objects.create(name="cm", address="192.0.2.7", call_manager=True)
    announce(ForeignServer)
    assert entries()["192.0.2.7"] is False
    ForeignServer.objects.all().delete()
    announce(ForeignServer)
    assert entries()["192.0.2.7"] is False
    assert list(TrustedPeer.objects.exclude(tls_name=None).values_list("tls_name", "automatic")) == [
        ("proxy.example", False)
    ]
    assert not automatic.settle()


@pytest.mark.parametrize(("network", "tls_name"), [(None, None), ("", ""), ("192.0.2.1", "a.example"), (None, "a b")])
def test_a_peer_has_an_address_or_a_name(network: str | None, tls_name: str | None) -> None:
    """R-SEC-04, R-SEC-05."""
    with pytest.raises(ValidationError):
        TrustedPeer(network=network, tls_name=tls_name).full_clean()
