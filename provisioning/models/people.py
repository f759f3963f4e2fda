"""Domains, the users in them, and the addresses that lead to a user (R-AOR-01 to R-AOR-04, D-01, D-50)."""

from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils.crypto import constant_time_compare

from provisioning.choices import PublishPolicy
from provisioning.digests import NONE, digests
from provisioning.fields import AorField, DomainNameField
from provisioning.history import recording
from provisioning.history.records import Part, Records
from provisioning.uri import Aor, BadUri


class Domain(models.Model):
    """A domain that this platform serves; its name is also the realm of its users' digest secrets."""

    name = DomainNameField(unique=True)
    description = models.CharField(max_length=200, blank=True)
    history = Records()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return str(self.name)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new name takes the users' addresses along and voids their passwords (D-50)."""
        before = Domain.objects.filter(pk=self.pk).values_list("name", flat=True).first() if self.pk else None
        self.name = self._meta.get_field("name").get_prep_value(self.name)
        with recording.together():
            super().save(*args, **kwargs)
            if before is not None and before != self.name:
                self._rename(before)

    def _rename(self, before: str) -> None:
        for alias in Alias.objects.filter(uri__endswith=f"@{before}").select_related("persona"):
            alias.uri = Aor(f"sip:{alias.uri.user}@{self.name}")
            alias.save(update_fields=["uri"])
        for persona in self.personas.all():
            persona.clear_password()
            persona.save()


class Persona(models.Model):
    """A user as a whole, over all devices; the human behind it is not provisioned (R-AOR-04)."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="personas")
    user = models.CharField("user part", max_length=64, help_text="What stands before the @ in the address.")
    aor = AorField("address of record", unique=True, editable=False)
    name = models.CharField("display name", max_length=200, blank=True)
    enabled = models.BooleanField(
        default=True, help_text="A disabled user cannot register, and is unknown to those who ask for it."
    )
    publish_policy = models.CharField(
        max_length=16,
        choices=PublishPolicy.choices,
        default=PublishPolicy.SELF,
        help_text="Who may publish this user's state.",
    )
    delegates = models.ManyToManyField(
        "self", symmetrical=False, blank=True, related_name="delegate_of", help_text="Used by the policy “delegates”."
    )
    confirm_watchers = models.BooleanField(
        "confirm unknown watchers",
        default=False,
        help_text="Watchers whom no access or privacy list names wait until the user has decided.",
    )
    offline_messages = models.BooleanField(
        "keep messages", default=False, help_text="Messages that come while nothing is registered wait."
    )
    timeline = models.BooleanField(
        "keep a time line",
        default=False,
        help_text="Write down what happens to this user's state, and who is told. Tell the user.",
    )
    ever_published = models.BooleanField(default=False, editable=False)
    md5 = models.CharField(max_length=32, blank=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    md5_full = models.CharField(max_length=32, blank=True, editable=False)
    sha256_full = models.CharField(max_length=64, blank=True, editable=False)
    pin = models.CharField("PIN", max_length=128, blank=True, editable=False)
    "Of the phone pages, hashed."
    history = Records(
        parts=(
            Part("aliases", ("uri",), key=("uri",), beside="aor", label="other addresses"),
            Part("delegates"),
        ),
        secrets={"password": ("md5", "sha256", "md5_full", "sha256_full"), "PIN": ("pin",)},
        left_out=("ever_published",),
    )

    class Meta:
        ordering = ["aor"]
        verbose_name = "user"
        constraints = [models.UniqueConstraint(fields=["domain", "user"], name="one_user_of_a_name_in_a_domain")]
        indexes = [models.Index(Lower("name"), name="user_by_name")]

    def __str__(self) -> str:
        return str(self.aor)

    def clean(self) -> None:
        """The user part has to make an address, and nobody else may own that address."""
        try:
            aor = self.computed_aor()
        except BadUri as error:
            raise ValidationError({"user": f"This makes no SIP address: {error}"}) from None
        Alias(uri=aor).clean()
        taken = Alias.objects.filter(uri=aor).exclude(persona_id=self.pk)
        if taken.exists():
            raise ValidationError({"user": f"{aor} is already an alias of {taken[0].persona}."})

    def computed_aor(self) -> Aor:
        """The address of record that domain and user part make; raises BadUri."""
        return Aor.parse(f"{self.user}@{self.domain.name}")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and keep the address of record among the aliases (D-01)."""
        before = self.aor if self.pk else None
        self.aor = self.computed_aor()
        self.user = self.aor.user
        with recording.together():
            super().save(*args, **kwargs)
            if before and before != self.aor:
                Alias.objects.filter(persona=self, uri=before).delete()
            Alias.objects.get_or_create(uri=self.aor, defaults={"persona": self})

    def set_password(self, password: str) -> None:
        """Keep the digest secrets of a password; the password itself is not kept (D-50)."""
        secrets = digests(self.user, self.domain.name, password)
        self.md5, self.sha256, self.md5_full, self.sha256_full = secrets

    def clear_password(self) -> None:
        """Nobody can log in as this user until a new password is set."""
        self.md5, self.sha256, self.md5_full, self.sha256_full = NONE

    @staticmethod
    def validate_pin(pin: str) -> None:
        """Raises ValidationError for what cannot be a PIN."""
        if not (pin.isascii() and pin.isdecimal() and 4 <= len(pin) <= 12):
            raise ValidationError("A PIN has 4 to 12 digits.")

    def set_pin(self, pin: str) -> None:
        """Keep the hash of a PIN for phone pages; raises ValidationError for what is none."""
        self.validate_pin(pin)
        self.pin = make_password(pin)

    def check_pin(self, pin: str) -> bool:
        """The PIN is the user's; takes as long for a user who has none."""
        if not self.pin:
            make_password(pin)
            return False
        return check_password(pin, self.pin)

    def check_password(self, password: str) -> bool:
        """The password is the user's (compared by its digest secret)."""
        given = digests(self.user, self.domain.name, password)
        return bool(self.sha256) and constant_time_compare(given[1], self.sha256)

    @property
    def has_password(self) -> bool:
        """A password was set."""
        return bool(self.md5)

    def other_aliases(self) -> QuerySet["Alias"]:
        """The aliases beside the address of record."""
        return self.aliases.exclude(uri=self.aor)


class Alias(models.Model):
    """An address that leads to a user; Request-URIs are looked up here (R-SUB-06, R-PUB-02)."""

    uri = AorField("URI", unique=True)
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="aliases", verbose_name="user")
    history = Records(follows=lambda alias: alias.is_aor)

    class Meta:
        ordering = ["uri"]
        verbose_name_plural = "aliases"

    def __str__(self) -> str:
        return str(self.uri)

    def clean(self) -> None:
        """A list owns its URI."""
        lists = apps.get_model("provisioning", "ResourceList")  # by name: lists are made of people, not the other way
        if self.uri and lists.objects.filter(uri=self.uri).exists():
            raise ValidationError({"uri": f"{self.uri} is the URI of a list."})

    @property
    def is_aor(self) -> bool:
        """The user's own address of record; it cannot be removed."""
        return self.uri == self.persona.aor
