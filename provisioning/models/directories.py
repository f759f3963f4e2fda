"""Directories (LDAP) that users come from, whom each looks after, and what its synchronisations have done."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from provisioning.choices import EnabledBy, RunState, SearchScope, Vanished
from provisioning.history.records import Records
from provisioning.models.people import Domain, Persona
from provisioning.sealing import Seal

SEAL = Seal(b"password of a directory")

ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}", re.ASCII)
"The name of an attribute (RFC 4512 section 1.4), without options."

MOST_ENTRIES = 200_000
"Entries of one directory; they are compared in memory."


def _number(default: int, least: int, most: int, help_text: str) -> Any:
    return models.PositiveIntegerField(
        default=default, validators=[MinValueValidator(least), MaxValueValidator(most)], help_text=help_text
    )


class Directory(models.Model):
    """A server of others that says which users there are, and how it is read."""

    name = models.CharField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True, help_text="Off: runs only when somebody asks for it.")
    server = models.CharField(
        max_length=300, help_text="ldap://host or ldaps://host, with :port where it is not 389 or 636."
    )
    start_tls = models.BooleanField(
        "StartTLS", default=True, help_text="Encrypt an ldap:// connection before anything is said. Off: in the clear."
    )
    verify = models.BooleanField(
        "verify certificate", default=True, help_text="Off: any server is believed, and may be told the password."
    )
    ca_file = models.CharField(
        "CA file", max_length=500, blank=True,
        help_text="File on this server (PEM) with the authorities to believe; empty: those of the system.",
    )  # fmt: skip
    bind_name = models.CharField(
        max_length=500, blank=True, help_text="DN or user name to log in with; empty: anonymously."
    )
    sealed_password = models.TextField(blank=True, editable=False)
    "Encrypted (`provisioning.sealing`)."
    base = models.CharField(max_length=500, help_text="DN below which users are looked for.")
    filter = models.CharField(
        max_length=1000, default="(objectClass=inetOrgPerson)", help_text="Which entries are users (RFC 4515)."
    )
    scope = models.CharField(max_length=8, choices=SearchScope.choices, default=SearchScope.SUBTREE)
    page_size = _number(500, 1, 5000, "Entries that are asked for at once.")
    entries_limit = _number(50_000, 1, MOST_ENTRIES, "With more entries nothing is changed: the filter is too wide.")
    id_attribute = models.CharField(
        max_length=128, default="entryUUID", help_text="Never changes for an entry: entryUUID, or objectGUID."
    )
    user_attribute = models.CharField(
        max_length=128, default="uid", help_text="Becomes the user part; of an address, what stands before the @."
    )
    domain = models.ForeignKey(
        Domain, on_delete=models.PROTECT, null=True, blank=True, related_name="directories",
        help_text="Of all its users; empty: the domain of the mail address.",
    )  # fmt: skip
    domain_attribute = models.CharField(
        max_length=128, blank=True, default="mail", help_text="The address whose domain counts, where none is given."
    )
    name_attribute = models.CharField(max_length=128, blank=True, default="cn", help_text="Becomes the display name.")
    mail_attributes = models.CharField(
        max_length=300,
        blank=True,
        help_text="Their addresses, in domains of ours, become aliases; with spaces between.",
    )
    number_attributes = models.CharField(
        max_length=300, blank=True, help_text="Their phone numbers become aliases; with spaces between them."
    )
    enabled_by = models.CharField(
        "enabled by", max_length=16, choices=EnabledBy.choices, default=EnabledBy.ALWAYS,
        help_text="Where an attribute decides, it overrules what is set here by hand.",
    )  # fmt: skip
    enabled_attribute = models.CharField(
        max_length=128, blank=True, help_text="As userAccountControl, employeeStatus or pwdAccountLockedTime."
    )
    adopt = models.BooleanField(
        "adopt users", default=False,
        help_text="Users who are here already under an entry's address become the directory's. Off: a conflict.",
    )  # fmt: skip
    interval = _number(60, 0, 43_200, "Minutes between two synchronisations; 0: only when somebody asks for it.")
    vanished = models.CharField(
        "users who vanish", max_length=8, choices=Vanished.choices, default=Vanished.DISABLE,
        help_text="Those of this directory whom the server does not name any more.",
    )  # fmt: skip
    delete_after = _number(30, 0, 3650, "Days until a user who has vanished is deleted, where that is chosen.")
    most_vanish = _number(
        10, 1, 100, "Percent of its users who may be disabled or deleted by one run; more has to be confirmed."
    )

    history = Records(secrets={"password": ("sealed_password",)})

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "directories"

    def __str__(self) -> str:
        return str(self.name)

    def set_password(self, password: str) -> None:
        """Keep it encrypted; empty: none."""
        self.sealed_password = SEAL.close(password.encode()).decode() if password else ""

    @property
    def password(self) -> str:
        """In clear, for the server only; raises CannotOpen."""
        return SEAL.open(self.sealed_password.encode()).decode() if self.sealed_password else ""

    @property
    def has_password(self) -> bool:
        """A password was set."""
        return bool(self.sealed_password)

    @property
    def encrypted(self) -> bool:
        """Nobody on the way reads what is said."""
        return self.start_tls or self.server.startswith("ldaps:")

    def attributes(self) -> list[str]:
        """All that have to be asked for."""
        single = (
            self.id_attribute, self.user_attribute, self.domain_attribute, self.name_attribute, self.enabled_attribute
        )  # fmt: skip
        named = [*single, *self.mail_attributes.split(), *self.number_attributes.split()]
        return list({name.lower(): name for name in named if name}.values())

    def clean(self) -> None:
        """What the server would refuse is said at once."""
        wrong: dict[str, str] = {}
        self.server = self.server.strip()
        if problem := _server_problem(self.server):
            wrong["server"] = problem
        for field in ("id_attribute", "user_attribute", "domain_attribute", "name_attribute", "enabled_attribute"):
            value = getattr(self, field).strip()
            setattr(self, field, value)
            if value and not ATTRIBUTE.fullmatch(value):
                wrong[field] = f"“{value}” is not the name of an attribute."
        for field in ("mail_attributes", "number_attributes"):
            names = getattr(self, field).replace(",", " ").split()
            setattr(self, field, " ".join(names))
            if bad := next((one for one in names if not ATTRIBUTE.fullmatch(one)), ""):
                wrong[field] = f"“{bad}” is not the name of an attribute."
        if not self.id_attribute:
            wrong["id_attribute"] = "Without it a user who is renamed would be another one."
        if not self.user_attribute:
            wrong["user_attribute"] = "Users need a user part."
        if self.domain is None and not self.domain_attribute:
            wrong["domain"] = "Choose a domain, or name the attribute with the address whose domain counts."
        if self.enabled_by != EnabledBy.ALWAYS and not self.enabled_attribute:
            wrong["enabled_attribute"] = "Which attribute says it?"
        if self.sealed_password and not self.bind_name:
            wrong["bind_name"] = "A password belongs to a name."
        if self.sealed_password and Directory.objects.filter(
            ~Q(server=self.server), pk=self.pk, sealed_password=self.sealed_password
        ):
            wrong["server"] = "Set the password again: it is not told to another server than it was given for."
        wrong |= _search_problems(self.base, self.filter)
        if wrong:
            raise ValidationError(wrong)


def _server_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "This is no URL of a server."
    if parts.scheme not in ("ldap", "ldaps") or not host or port == 0 or not url.isascii():
        return "Expected ldap://host or ldaps://host, with :port where needed."
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        return "Only scheme, host and port stand here; name, base and filter have fields of their own."
    return ""


def _search_problems(base: str, filter: str) -> dict[str, str]:
    from provisioning.directories import ldap  # only here is the library needed

    return {
        field: problem
        for field, problem in (("base", ldap.base_problem(base)), ("filter", ldap.filter_problem(filter)))
        if problem
    }


class DirectoryUser(models.Model):
    """A user whom a directory looks after: one that it has made, or was told to adopt."""

    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="users")
    persona = models.OneToOneField(
        Persona, on_delete=models.CASCADE, related_name="directory_user", verbose_name="user"
    )
    identifier = models.CharField(max_length=128, help_text="The entry's, as entryUUID.")
    entry = models.CharField(max_length=1000, blank=True, help_text="Its DN when it was last seen.")
    aliases = models.JSONField(default=list, help_text="Aliases that follow from the entry.")
    missing_since = models.DateTimeField(null=True, blank=True, help_text="When the server had stopped naming it.")
    disabled = models.BooleanField(default=False, help_text="Because it vanished: enabled again when it is back.")

    class Meta:
        ordering = ["persona__aor"]
        verbose_name = "user of a directory"
        verbose_name_plural = "users of directories"
        constraints = [
            models.UniqueConstraint(fields=["directory", "identifier"], name="one_directory_user_an_identifier")
        ]

    def __str__(self) -> str:
        return f"{self.persona} of {self.directory}"


UNDER_WAY = (RunState.WAITING, RunState.RUNNING)


class DirectoryRun(models.Model):
    """One synchronisation, tried or in earnest."""

    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="runs")
    dry = models.BooleanField("dry run", default=False)
    confirmed = models.BooleanField(default=False, help_text="So many may vanish at once.")
    started_by = models.CharField(max_length=150, help_text="An account, or “schedule”.")
    state = models.CharField(max_length=8, choices=RunState.choices, default=RunState.WAITING)
    started_at = models.DateTimeField(auto_now_add=True)
    alive_at = models.DateTimeField(auto_now_add=True)
    "The last sign of life of the process that does it."
    ended_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict)
    "What -> how often: entries, created, changed, enabled, disabled, deleted, vanished, unchanged, conflicts."
    changes = models.JSONField(default=list)
    "The first of them, each {what, user, entry, fields: {name: [before, after]}, reason}."
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "synchronisation"
        constraints = [
            models.UniqueConstraint(
                fields=["directory"], condition=Q(state__in=UNDER_WAY), name="one_run_of_a_directory_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.directory} {self.started_at:%Y-%m-%d %H:%M}: {self.get_state_display()}"

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None
