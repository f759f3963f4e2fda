"""Resource lists as JSON."""

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from provisioning import models
from provisioning.api.serializers.base import AorField, Parts, Validated, example


class ResourceListMemberSerializer(serializers.ModelSerializer):
    """A presentity or another list."""

    uri = AorField()

    class Meta:
        model = models.ResourceListMember
        fields = ["uri", "name"]


@example(
    uri="sip:sales@example.org",
    name="Sales",
    members=[{"uri": "sip:alice@example.org", "name": "Alice"}],
)
class ResourceListSerializer(Parts, Validated):
    """A list with a URI of its own; `members`, when given, replace those that are there, in their order."""

    parts = ("members", "list")
    uri = AorField(validators=[UniqueValidator(models.ResourceList.objects.all())])
    owner = serializers.SlugRelatedField(
        slug_field="aor", queryset=models.Persona.objects.all(), required=False, allow_null=True
    )
    members = ResourceListMemberSerializer(many=True, required=False)

    class Meta:
        model = models.ResourceList
        fields = ["id", "uri", "owner", "name", "members"]
