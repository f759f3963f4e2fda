"""Bring the tables to what a provisioning file says; nothing that the file does not name is touched.

Applying is idempotent and happens in one transaction. Users by pattern are written in bulk: twenty thousand take a
few seconds, most of it hashing. Edges hear once, after the commit.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from provisioning import automatic, bus, snapshot
from provisioning.choices import (
    AccessKind,
    Effect,
    PatternKind,
    PrivacyKind,
    Role,
    RouteMatch,
    SubjectKind,
    Transport,
)
from provisioning.digests import digests
from provisioning.fields import domain_name
from provisioning.importing import sections
from provisioning.importing.grammar import ELSEWHERE, BadFile, Entry, inner, section
from provisioning.models import (
    AccessListEntry,
    Alias,
    Domain,
    ExpirySetting,
    ForeignMapping,
    ForeignServer,
    Listener,
    MethodRoute,
    OutboundRule,
    Persona,
    PrivacyList,
    ResourceList,
    ResourceListMember,
    StaticRoute,
    TrustedPeer,
    UriAcl,
    UriAclEntry,
    WatcherFilter,
)
from provisioning.models.access import canonical_subject
from provisioning.uri import Aor, BadUri

BATCH = 1000
"Rows in one INSERT."

MAX_PATTERN = 1_000_000
"Users of one pattern; more is a slip of the finger."


@dataclass
class Report:
    """What applying a file has done, or would do."""

    created: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    unused: list[str] = field(default_factory=list)
    "Sections whose application is not installed."

    def lines(self) -> Iterator[str]:
        """The report for people."""
        for kind in sorted({*+self.created, *+self.changed, *+self.unchanged}):  # + leaves out what was counted 0 times
            yield (
                f"{kind}: {self.created[kind]} created, {self.changed[kind]} changed, "
                f"{self.unchanged[kind]} as they were"
            )
        for name in self.unused:
            yield f"{name}: not used by this version"


class _DryRun(Exception):
    pass


def apply(root: Entry, *, dry_run: bool = False) -> Report:
    """Apply a file that `grammar.read` has read; raises BadFile, and then nothing has changed."""
    report = Report()
    try:
        with transaction.atomic():
            _Run(report).everything(root)
            if dry_run:
                raise _DryRun
            automatic.settle()
            bus.announce_policy(*snapshot.all_parts())
    except _DryRun:
        pass
    return report


class _Run:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._domains = {domain.name: domain for domain in Domain.objects.all()}

    def everything(self, root: Entry) -> None:
        values = root.values
        for name in values.get("domains", ()):
            self._domain(str(name))
        self._users(values.get("users", ()))
        self._aliases(values.get("aliases", ()))
        for entry in values.get("trusted_peers", ()):
            self._trusted_peer(entry)
        for entry in values.get("access_list", ()):
            self._access(entry)
        for entry in values.get("lists", ()):
            self._list(entry)
        for entry in values.get("uri_acls", ()):
            self._uri_acl(entry)
        for entry in values.get("filters", ()):
            self._filter(entry)
        for entry in values.get("foreign_servers", ()):
            self._foreign_server(entry)
        for entry in values.get("mappings", ()):
            self._mapping(entry)
        for entry in values.get("static_routes", ()):
            self._static_route(entry)
        for entry in values.get("method_routes", ()):
            self._method_route(entry)
        for entry in values.get("outbound_rules", ()):
            rest = {"allow": bool(entry.values.get("allow", True))}
            self._row("outbound rules", OutboundRule, entry, {"pattern": str(entry.values.get("pattern", ""))}, rest)
        if values.get("settings") is not None:
            self._settings(values["settings"])
        for name in ELSEWHERE & set(values):
            self._elsewhere(name, values[name])

    def _elsewhere(self, name: str, entries: list[Entry]) -> None:
        apply_entry = sections.REGISTERED.get(name)
        if apply_entry is None:
            self._report.unused += [name] if entries else []
            return
        for entry in entries:
            apply_entry(entry, self._user, self._row)

    def _domain(self, text: str) -> Domain:
        try:
            name = domain_name(text)
        except ValidationError as error:
            raise BadFile(f"section “domains”: {error.messages[0]}") from None
        domain = self._domains.get(name)
        if domain is None:
            domain = self._domains[name] = Domain.objects.create(name=name)
            self._report.created["domains"] += 1
        else:
            self._report.unchanged["domains"] += 1
        return domain

    def _users(self, entries: list[Entry]) -> None:
        wanted: dict[Aor, tuple[str, str | None, str | None]] = {}
        pins: dict[Aor, str] = {}
        for entry in entries:
            for aor, password, name in self._expand(entry):
                wanted[aor] = (aor.user, password, name)
                if (pin := self._pin(entry)) is not None:
                    pins[aor] = pin
        held = {
            persona.aor: persona
            for start in range(0, len(wanted), BATCH)
            for persona in Persona.objects.filter(aor__in=list(wanted)[start : start + BATCH])
        }
        fresh: list[Persona] = []
        changed: list[Persona] = []
        for aor, (user, password, name) in wanted.items():
            persona = held.get(aor)
            if persona is None:
                persona = Persona(domain=self._domains[aor.host], user=user, aor=aor, name=name or "")
                fresh.append(persona)
                if password is not None:
                    persona.set_password(password)
                if aor in pins:
                    persona.set_pin(pins[aor])
            elif self._update(persona, password, name, pins.get(aor)):
                changed.append(persona)
        columns = ["name", "md5", "sha256", "md5_full", "sha256_full", "pin"]
        taken = self._taken([persona.aor for persona in fresh])
        if taken:
            raise BadFile(f"section “users”: {taken[0].uri} is already an alias of {taken[0].persona.aor}")
        Persona.objects.bulk_create(fresh, batch_size=BATCH)
        Alias.objects.bulk_create([Alias(uri=one.aor, persona=one) for one in fresh], batch_size=BATCH)
        Persona.objects.bulk_update(changed, columns, batch_size=BATCH)
        self._count("users", len(fresh), len(changed), len(wanted))

    def _taken(self, aors: list[Aor]) -> list[Alias]:
        for start in range(0, len(aors), BATCH):
            found = list(Alias.objects.filter(uri__in=aors[start : start + BATCH]).select_related("persona")[:1])
            if found:
                return found
        return []

    def _expand(self, entry: Entry) -> Iterator[tuple[Aor, str | None, str | None]]:
        values = entry.values
        password = None if values.get("password") is None else str(values["password"])
        name = None if values.get("name") is None else str(values["name"])
        if ("uri" in values) == ("pattern" in values):
            raise BadFile(f"line {entry.line}: a user has either “uri” or “pattern”")
        if "uri" in values:
            aor = self._aor(values["uri"], entry)
            self._known_domain(aor.host, entry)
            yield aor, password, name
            return
        pattern, domain = str(values["pattern"]), values.get("domain")
        if "{n}" not in pattern:
            raise BadFile(f"line {entry.line}: a pattern contains {{n}}")
        if not isinstance(domain, str):
            raise BadFile(f"line {entry.line}: a pattern needs “domain”")
        first = self._number(values.get("first", 0), entry, "first")
        count = self._number(values.get("count"), entry, "count")
        if count > MAX_PATTERN:
            raise BadFile(f"line {entry.line}: at most {MAX_PATTERN} users by one pattern")
        host = self._known_domain(domain, entry)
        for number in range(first, first + count):
            text = pattern.replace("{n}", str(number))
            yield self._aor(f"{text}@{host}", entry), password, name and name.replace("{n}", str(number))

    def _pin(self, entry: Entry) -> str | None:
        """The PIN of a user; in quotes, since YAML takes 0123 for another number."""
        pin = entry.values.get("pin")
        if pin is None:
            return None
        if "pattern" in entry.values:
            raise BadFile(f"line {entry.line}: “pin” is for one user; users by pattern would share it")
        try:
            if not isinstance(pin, str):
                raise ValidationError("Write the PIN in quotes.")
            Persona.validate_pin(pin)
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {error.messages[0]}") from None
        return pin

    def _update(self, persona: Persona, password: str | None, name: str | None, pin: str | None) -> bool:
        """Change a user where the file says something else; True when something was changed."""
        changed = False
        if name is not None and name != persona.name:
            persona.name, changed = name, True
        if password is not None:
            secrets = digests(persona.user, self._domains[persona.aor.host].name, password)
            if secrets != (persona.md5, persona.sha256, persona.md5_full, persona.sha256_full):
                persona.set_password(password)
                changed = True
        if pin is not None and not persona.check_pin(pin):
            persona.set_pin(pin)
            changed = True
        return changed

    def _aliases(self, entries: list[Entry]) -> None:
        for entry in entries:
            uri = self._aor(entry.values.get("uri"), entry)
            self._known_domain(uri.host, entry)
            persona = self._user(entry, "user")
            alias = Alias.objects.filter(uri=uri).select_related("persona").first()
            if alias is None:
                Alias.objects.create(uri=uri, persona=persona)
                self._report.created["aliases"] += 1
            elif alias.persona_id == persona.pk:
                self._report.unchanged["aliases"] += 1
            elif alias.is_aor:
                raise BadFile(f"line {entry.line}: {uri} is a user of its own")
            else:
                alias.persona = persona
                alias.save()
                self._report.changed["aliases"] += 1

    def _trusted_peer(self, entry: Entry) -> None:
        if "tls" in entry.values:
            self._row("trusted peers", TrustedPeer, entry, {"tls_name": str(entry.values["tls"])}, {})
            return
        self._row("trusted peers", TrustedPeer, entry, {"network": str(entry.values.get("address", ""))}, {})

    def _access(self, entry: Entry) -> None:
        kinds = [kind for kind in AccessKind if kind.value in entry.values]
        if len(kinds) != 1:
            raise BadFile(f"line {entry.line}: expected one of address, name, domain")
        asserts = bool(entry.values.get("asserts_identity", False))
        key = {"kind": kinds[0], "value": str(entry.values[kinds[0].value])}
        self._row("access list", AccessListEntry, entry, key, {"asserts_identity": asserts})

    def _list(self, entry: Entry) -> None:
        """A resource list; its members, when the file names them, are those of the file."""
        rest: dict[str, Any] = {"owner": self._user(entry, "owner") if entry.values.get("owner") else None}
        uri = self._aor(entry.values.get("uri"), entry)
        row = self._row("lists", ResourceList, entry, {"uri": uri}, rest)
        if (members := entry.values.get("members")) is not None:
            if not isinstance(members, list):
                raise BadFile(f"line {entry.line}: “members” holds a list of addresses")
            wanted = list(dict.fromkeys(self._aor(member, entry) for member in members))
            if wanted != list(row.members.values_list("uri", flat=True)):
                names = dict(row.members.values_list("uri", "name"))
                row.members.all().delete()
                ResourceListMember.objects.bulk_create(
                    ResourceListMember(list=row, position=number, uri=uri, name=names.get(uri, ""))
                    for number, uri in enumerate(wanted, 1)
                )
                self._report.changed["list members"] += 1

    def _uri_acl(self, entry: Entry) -> None:
        """Who may watch a user; the entries, when the file names them, are those of the file."""
        presentity = self._user(entry, "presentity")
        rest = {"default": entry.values.get("default", Effect.BLOCK)}
        row = self._row("access lists", UriAcl, entry, {"presentity": presentity}, rest)
        entries = inner(entry, "entries", frozenset({"uri", "domain", "effect"}))
        if entries is None:
            return
        wanted: dict[tuple[str, str], str] = {}
        for one in entries:
            kind, value = self._subject(one)
            effect = one.values.get("effect", Effect.ALLOW)
            if effect not in Effect.values:
                raise BadFile(f"line {one.line}: “effect” is one of {', '.join(Effect.values)}")
            wanted[kind, value] = effect
        held = {(kind, value): effect for kind, value, effect in row.entries.values_list("kind", "value", "effect")}
        if wanted != held:
            row.entries.all().delete()
            UriAclEntry.objects.bulk_create(
                [UriAclEntry(acl=row, kind=kind, value=value, effect=one) for (kind, value), one in wanted.items()],
                batch_size=BATCH,
            )
            self._report.changed["access list entries"] += 1

    def _subject(self, entry: Entry) -> tuple[str, str]:
        kinds = [kind for kind in SubjectKind if kind.value in entry.values]
        if len(kinds) != 1:
            raise BadFile(f"line {entry.line}: expected one of uri, domain")
        try:
            return kinds[0], canonical_subject(kinds[0], str(entry.values[kinds[0].value]))
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {error.messages[0]}") from None

    def _filter(self, entry: Entry) -> None:
        """A watcher filter, or (with a presentity) what a user shows to everyone who is in no privacy list."""
        values = entry.values
        if "presentity" in values:
            owner = self._user(entry, "presentity")
            key = {"owner": owner, "kind": PrivacyKind.DEFAULT, "name": ""}
            self._row("privacy lists", PrivacyList, entry, key, {"filter": values.get("kind")})
            return
        key = {name: str(values.get(name, "")) for name in ("domain", "client_type", "client_version")}
        self._row("watcher filters", WatcherFilter, entry, key, {"kind": values.get("kind")})

    def _foreign_server(self, entry: Entry) -> None:
        values = dict(entry.values)
        key = {"name": str(values.pop("name", ""))}
        for name in ("address", "domain", "identity"):
            if name in values:
                values[name] = str(values[name])
        self._row("foreign servers", ForeignServer, entry, key, values)

    def _mapping(self, entry: Entry) -> None:
        persona = self._user(entry, "user")
        foreign = self._aor(entry.values.get("foreign"), entry)
        name = str(entry.values.get("server", ""))
        server = ForeignServer.objects.filter(name=name).first()
        if server is None:
            raise BadFile(f"line {entry.line}: no foreign server “{name}”")
        rest = {"server": server, "priority": entry.values.get("priority", 0)}
        self._row("mappings", ForeignMapping, entry, {"persona": persona, "foreign": foreign}, rest)

    def _static_route(self, entry: Entry) -> None:
        values = dict(entry.values)
        key = {"kind": values.pop("kind", PatternKind.DOMAIN), "pattern": str(values.pop("pattern", ""))}
        key |= {"next_hop": str(values.pop("next_hop", "")), "port": values.pop("port", None)}
        key["transport"] = values.pop("transport", "")
        self._row("static routes", StaticRoute, entry, key, values)

    def _method_route(self, entry: Entry) -> None:
        values = dict(entry.values)
        kinds = [kind for kind in RouteMatch if kind.value in values]
        if len(kinds) != 1:
            raise BadFile(f"line {entry.line}: expected one of method, event")
        key = {"kind": kinds[0], "token": str(values.pop(kinds[0].value))}
        rest = {"name": str(values.pop("name", key["token"])), **values}
        rest["next_hop"] = str(rest.get("next_hop", ""))
        self._row("method routes", MethodRoute, entry, key, rest)

    def _user(self, entry: Entry, key: str) -> Persona:
        """The user whom a key names by any of its addresses."""
        aor = self._aor(entry.values.get(key), entry)
        persona = Persona.objects.filter(aliases__uri=aor).first()
        if persona is None:
            raise BadFile(f"line {entry.line}: no user {aor}")
        return persona

    def _settings(self, entry: Any) -> None:
        if not isinstance(entry, Entry):
            raise BadFile("section “settings”: expected keys")
        outer = section(Entry({"settings": entry}, entry.line), "settings", frozenset({"expiry", "authentication"}))
        expiry = section(outer, "expiry", frozenset({"subscribe", "publish", "register", "backend"}))
        for method in expiry.values:
            bounds = section(expiry, method, frozenset({"min", "default", "max"}))
            self._expiry(method, bounds)
        listeners = outer.values.get("authentication")
        if listeners is not None:
            if not isinstance(listeners, Entry):
                raise BadFile(f"line {entry.line}: “authentication” holds addresses")
            for address, on in listeners.values.items():
                self._authentication(address, on, listeners)

    def _expiry(self, method: str, bounds: Entry) -> None:
        row = ExpirySetting.objects.get(method=method)
        before = (row.minimum, row.default, row.maximum)
        for key, column in (("min", "minimum"), ("default", "default"), ("max", "maximum")):
            if key in bounds.values:
                setattr(row, column, self._number(bounds.values[key], bounds, key))
        self._save("expiry bounds", row, bounds, before != (row.minimum, row.default, row.maximum))

    def _authentication(self, address: str, on: Any, entry: Entry) -> None:
        transport, _, rest = address.partition(":")
        host, _, port = rest.rpartition(":")
        if transport not in Transport.values or not port.isdecimal() or not isinstance(on, bool):
            raise BadFile(f'line {entry.line}: expected "udp:host:port": true or false')
        key = {"transport": transport, "host": host.strip("[]"), "port": int(port)}
        row = Listener.objects.filter(**key).first()
        if row is None:
            row = Listener(**key, role=Role.PROXY, authentication=on)
            self._save("listeners", row, entry, True)
        else:
            changed, row.authentication = row.authentication != on, on
            self._save("listeners", row, entry, changed)

    def _row(self, kind: str, model: Any, entry: Entry, key: dict[str, Any], rest: dict[str, Any]) -> Any:
        """Create or change one row found by its key, in canonical form; the row."""
        row = model(**key, **rest)
        try:
            row.clean_fields()
            row.clean()
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {error.messages[0]}") from None
        found = model.objects.filter(**{name: getattr(row, name) for name in key}).first()
        if found is None:
            self._save(kind, row, entry, True)
            return row
        changed = any(getattr(found, name) != getattr(row, name) for name in rest)
        for name in rest:
            setattr(found, name, getattr(row, name))
        self._save(kind, found, entry, changed)
        return found

    def _save(self, kind: str, row: Any, entry: Entry, changed: bool) -> None:
        if not changed:
            self._report.unchanged[kind] += 1
            return
        created = row.pk is None
        try:
            row.full_clean()
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {error.messages[0]}") from None
        row.save()
        (self._report.created if created else self._report.changed)[kind] += 1

    def _known_domain(self, text: str, entry: Entry) -> str:
        try:
            name = domain_name(text)
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {error.messages[0]}") from None
        if name not in self._domains:
            raise BadFile(f"line {entry.line}: the domain {name} is not one of ours; name it under “domains”")
        return name

    def _aor(self, value: Any, entry: Entry) -> Aor:
        try:
            return Aor.parse(str(value or ""))
        except BadUri as error:
            raise BadFile(f"line {entry.line}: {error}") from None

    def _number(self, value: Any, entry: Entry, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadFile(f"line {entry.line}: “{key}” is a number")
        return value

    def _count(self, kind: str, created: int, changed: int, wanted: int) -> None:
        self._report.created[kind] += created
        self._report.changed[kind] += changed
        self._report.unchanged[kind] += wanted - created - changed
