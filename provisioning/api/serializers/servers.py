"""Listeners, peers and foreign servers as JSON."""

from rest_framework import serializers

from provisioning import models
from provisioning.api.serializers.base import AorField, Parts, Validated, example


class AdvertisedAddressSerializer(serializers.ModelSerializer):
    """What a listener is called by peers of one network."""

    class Meta:
        model = models.AdvertisedAddress
        fields = ["network", "address"]


@example(transport="tls", host="192.0.2.10", port=5061, role="proxy")
class ListenerSerializer(Parts, Validated):
    """An address that edges listen on; `advertisements`, when given, replace those that are there."""

    parts = ("advertisements", "listener")
    advertisements = AdvertisedAddressSerializer(many=True, required=False)

    class Meta:
        model = models.Listener
        fields = [
            "id", "transport", "host", "port", "role", "authentication", "advertised", "client_certificates",
            "advertisements",
        ]  # fmt: skip


@example(network="192.0.2.0/24", description="The proxies")
class TrustedPeerSerializer(Validated):
    """Who may speak to an engine listener."""

    class Meta:
        model = models.TrustedPeer
        fields = ["id", "network", "tls_name", "description", "automatic"]
        read_only_fields = ["automatic"]


class AccessListEntrySerializer(Validated):
    """Who is not challenged by the proxy."""

    class Meta:
        model = models.AccessListEntry
        fields = ["id", "kind", "value", "asserts_identity"]


@example(name="cm-1", address="cm1.example.org:5060", transport="tcp", shared_identity=True)
class ForeignServerSerializer(Validated):
    """A presence server elsewhere."""

    class Meta:
        model = models.ForeignServer
        fields = [
            "id", "name", "address", "transport", "domain", "expires", "shared_identity", "identity", "call_manager",
            "enabled",
        ]  # fmt: skip


class ForeignMappingSerializer(Validated):
    """A component of a user's state that a foreign server holds."""

    persona = serializers.SlugRelatedField(slug_field="aor", queryset=models.Persona.objects.all())
    foreign = AorField()
    server = serializers.SlugRelatedField(slug_field="name", queryset=models.ForeignServer.objects.all())

    class Meta:
        model = models.ForeignMapping
        fields = ["id", "persona", "foreign", "server", "priority"]
