"""Where state comes from: priorities of sources, and what kinds of client can do (R-PUB-12, R-PUB-30)."""

from django.core.exceptions import ValidationError
from django.db import models

from provisioning.choices import DeviceKind, DeviceMatch
from provisioning.history.records import Records


class SourcePriority(models.Model):
    """A value of `<source>` that counts, and how much (R-AOR-08, D-20, D-25)."""

    value = models.CharField(max_length=200, unique=True, help_text="Compared exactly, after white space is collapsed.")
    priority = models.IntegerField(default=0, help_text="The larger number wins.")
    manual_override = models.BooleanField(
        default=False, help_text="What such a source states overrules everything that devices report."
    )
    history = Records()

    class Meta:
        ordering = ["-priority", "value"]
        verbose_name = "source priority"
        verbose_name_plural = "source priorities"

    def __str__(self) -> str:
        return str(self.value)

    def clean(self) -> None:
        """One spelling only."""
        self.value = " ".join(self.value.split())
        if not self.value:
            raise ValidationError({"value": "A source needs a value."})


class UserAgentCapability(models.Model):
    """The classes of service of a client type, used where a document does not say them (R-PUB-30, R-PUB-31)."""

    client_type = models.CharField(max_length=100, help_text="As in User-Agent before / or white space; any case.")
    client_version = models.CharField(
        max_length=50, blank=True, help_text="Exact or the beginning of it; empty for all versions."
    )
    audio = models.BooleanField(default=False)
    video = models.BooleanField(default=False)
    text = models.BooleanField(default=True)
    one_message_per_read = models.BooleanField(
        default=False, help_text="On streams this client loses messages that arrive together."
    )
    linphone_lists = models.BooleanField(
        "lists as Linphone reads them",
        default=False,
        help_text="List notifications in the one form that liblinphone shows: Event with a capital, Content-Id twice.",
    )
    md5_only = models.BooleanField(
        "MD5 challenge only", default=False, help_text="This client gives up when it is offered SHA-256 beside MD5."
    )
    history = Records()

    class Meta:
        ordering = ["client_type", "client_version"]
        verbose_name = "User-Agent capability"
        verbose_name_plural = "User-Agent capabilities"
        constraints = [
            models.UniqueConstraint(fields=["client_type", "client_version"], name="one_row_for_each_client_version")
        ]

    def __str__(self) -> str:
        return f"{self.client_type} {self.client_version}".rstrip()


class DeviceType(models.Model):
    """Which type of device a kind of client, or a source, stands for; privacy lists hide types (D-16)."""

    match = models.CharField(
        "compared with", max_length=16, choices=DeviceMatch.choices, default=DeviceMatch.CLIENT_TYPE
    )
    value = models.CharField(max_length=200)
    kind = models.CharField("device type", max_length=16, choices=DeviceKind.choices)
    history = Records()

    class Meta:
        ordering = ["match", "value"]
        constraints = [models.UniqueConstraint(fields=["match", "value"], name="one_device_type_a_value")]

    def __str__(self) -> str:
        return f"{self.value}: {self.get_kind_display()}"

    def clean(self) -> None:
        """White space is as little part of it as in the messages it is compared with (section 12.3)."""
        self.value = " ".join(self.value.split())
        if not self.value:
            raise ValidationError({"value": "A client type or a source is needed."})
