"""Resource lists: many presentities under one URI (R-LST-04, RFC 4662)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from provisioning.fields import AorField
from provisioning.history.records import Part, Records
from provisioning.models.people import Alias, Domain, Persona


class ResourceList(models.Model):
    """A list with a URI of its own: a user's buddies, or shared by all."""

    uri = AorField("URI", unique=True, help_text="In a domain of ours, and nobody's address.")
    owner = models.ForeignKey(
        Persona,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="resource_lists",
        help_text="Only its owner may subscribe to it; everybody when it has none.",
    )
    name = models.CharField(max_length=100, blank=True, help_text="For people: the name of a group of buddies.")
    history = Records(parts=(Part("members", ("uri", "name"), key=("uri",), ordered=True),))

    class Meta:
        ordering = ["uri"]

    def __str__(self) -> str:
        return str(self.uri)

    def clean(self) -> None:
        """The URI has to lead here, and to nobody else."""
        if not self.uri:
            return  # the field's own error says enough
        if Alias.objects.filter(uri=self.uri).exists():
            raise ValidationError({"uri": f"{self.uri} is the address of a user."})
        if not Domain.objects.filter(name=self.uri.host).exists():
            raise ValidationError({"uri": f"{self.uri.host} is not a domain of ours."})


class ResourceListMember(models.Model):
    """A presentity, or another list, in a list."""

    list = models.ForeignKey(ResourceList, on_delete=models.CASCADE, related_name="members")
    position = models.PositiveIntegerField(default=0, help_text="Members are sent in this order.")
    uri = AorField("URI", help_text="Of a user here or elsewhere, or of another list.")
    name = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["list", "uri"], name="one_list_member_a_uri")]

    def __str__(self) -> str:
        return str(self.uri)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new member without a position goes to the end."""
        if self.pk is None and not self.position:
            last = ResourceListMember.objects.filter(list_id=self.list_id).aggregate(last=models.Max("position"))[
                "last"
            ]
            self.position = (last or 0) + 1
        super().save(*args, **kwargs)
