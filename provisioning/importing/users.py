"""The sections `users` and `aliases` of the provisioning file: one by one, and by pattern in bulk."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet

from provisioning.digests import digests
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.saving import DIGESTS, PLAIN, change_users, create_users, taken
from provisioning.importing.sections import plain
from provisioning.importing.tables import BATCH, SECRET, Fields, Tables
from provisioning.models import Alias, DirectoryUser, Domain, Persona
from provisioning.uri import Aor

MAX_PATTERN = 1_000_000
"Users of one pattern; more is a slip of the finger."


def apply_users(entries: list[Entry], tables: Tables) -> None:
    """Create users, and change those where the file says something else; raises BadFile."""
    wanted: dict[Aor, tuple[str | None, dict[str, Any]]] = {}
    pins: dict[Aor, str] = {}
    for entry in entries:
        columns = _columns(entry, tables)
        for aor, password, name in _expand(entry, tables):
            wanted[aor] = (password, {**columns, **({} if name is None else {"name": name})})
            if (pin := _pin(entry)) is not None:
                pins[aor] = pin
    held = {
        persona.aor: persona
        for start in range(0, len(wanted), BATCH)
        for persona in Persona.objects.filter(aor__in=list(wanted)[start : start + BATCH])
    }
    fresh: list[Persona] = []
    changed: list[Persona] = []
    given: dict[str, list[Persona]] = {"password": [], "PIN": []}
    "Who gets which secret."
    for aor, (password, columns) in wanted.items():
        persona = held.get(aor)
        if persona is None:
            persona = Persona(domain=tables.domains[aor.host], user=aor.user, aor=aor, **columns)
            fresh.append(persona)
            if password is not None:
                persona.set_password(password)
            if aor in pins:
                persona.set_pin(pins[aor])
            secrets: dict[str, Any] = {"password": SECRET} if password is not None else {}
            tables.note("users", "+", persona, {name: (None, one) for name, one in {**columns, **secrets}.items()})
        elif changes := _update(persona, password, columns, pins.get(aor), tables):
            changed.append(persona)
            for name, secret in (("password", "password"), ("PIN", "pin")):
                given[name] += [persona] if secret in changes else []
            tables.note("users", "~", persona, changes)
    if held_by_others := taken([persona.aor for persona in fresh]):
        other = held_by_others[0]
        raise BadFile(f"section “users”: {other.uri} is already an alias of {other.persona.aor}")
    create_users(fresh)
    change_users(changed, [*PLAIN, *DIGESTS], given)
    tables.count("users", len(fresh), len(changed), len(wanted))
    tables.named.setdefault(Persona, set()).update(one.pk for one in (*fresh, *held.values()))
    for entry in entries:
        if "delegates" in entry.values:
            _delegates(entry, tables)


def _columns(entry: Entry, tables: Tables) -> dict[str, Any]:
    """What else an entry says of its users; raises BadFile."""
    found = {}
    for name, value in tables.columns(entry, [one for one in PLAIN if one != "name"]).items():
        try:
            found[name] = Persona._meta.get_field(name).clean(value, None)
        except ValidationError as error:
            raise BadFile(f"line {entry.line_of(name)}: “{name}”: {error.messages[0]}") from None
    return found


def _delegates(entry: Entry, tables: Tables) -> None:
    if "uri" not in entry.values:
        raise BadFile(f"line {entry.line_of('delegates')}: “delegates” is for one user")
    persona = Persona.objects.get(aor=tables.aor(entry.values["uri"], entry))
    wanted = [tables.who(one, entry) for one in tables.words(entry, "delegates")]
    tables.many("users", persona, "delegates", wanted)


def users() -> Iterable[Any]:
    """Without passwords and PINs."""
    rows = Persona.objects.prefetch_related("delegates").order_by("aor")
    for row in rows.iterator(chunk_size=BATCH):
        columns = {name: plain(getattr(row, name)) for name in PLAIN}
        yield {"uri": plain(row.aor), **columns, "delegates": sorted(plain(one.aor) for one in row.delegates.all())}


def aliases() -> Iterable[Any]:
    """Without the addresses of record."""
    rows = Alias.objects.exclude(uri=F("persona__aor")).order_by("uri")
    for uri, aor in rows.values_list("uri", "persona__aor").iterator():
        yield {"uri": plain(uri), "user": plain(aor)}


def domains() -> Iterable[Any]:
    """Names, with descriptions where there are some."""
    for name, description in Domain.objects.order_by("name").values_list("name", "description"):
        yield {"name": name, "description": description} if description else name


def removable_users() -> QuerySet[Persona]:
    """Not those of directories, which look after them by themselves."""
    return Persona.objects.filter(directory_user=None)


def removable_aliases() -> QuerySet[Alias]:
    """Neither addresses of record nor what follows from directories."""
    followed = {uri for uris in DirectoryUser.objects.values_list("aliases", flat=True) for uri in uris}
    rows = Alias.objects.exclude(uri=F("persona__aor"))
    return rows.exclude(pk__in=[pk for pk, uri in rows.values_list("pk", "uri") if uri in followed])


def _expand(entry: Entry, tables: Tables) -> Iterator[tuple[Aor, str | None, str | None]]:
    values = entry.values
    password = None if values.get("password") is None else str(values["password"])
    name = None if values.get("name") is None else str(values["name"])
    if ("uri" in values) == ("pattern" in values):
        raise BadFile(f"line {entry.line}: a user has either “uri” or “pattern”")
    if "uri" in values:
        aor = tables.aor(values["uri"], entry)
        tables.known_domain(aor.host, entry)
        yield aor, password, name
        return
    pattern, domain = str(values["pattern"]), values.get("domain")
    if "{n}" not in pattern:
        raise BadFile(f"line {entry.line}: a pattern contains {{n}}")
    if not isinstance(domain, str):
        raise BadFile(f"line {entry.line}: a pattern needs “domain”")
    first = tables.number(values.get("first", 0), entry, "first")
    count = tables.number(values.get("count"), entry, "count")
    if count > MAX_PATTERN:
        raise BadFile(f"line {entry.line}: at most {MAX_PATTERN} users by one pattern")
    host = tables.known_domain(domain, entry)
    for number in range(first, first + count):
        text = pattern.replace("{n}", str(number))
        yield tables.aor(f"{text}@{host}", entry), password, name and name.replace("{n}", str(number))


def _pin(entry: Entry) -> str | None:
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


def _update(persona: Persona, password: str | None, columns: dict[str, Any], pin: str | None, tables: Tables) -> Fields:
    """Change a user where the file says something else; what was changed."""
    changes: Fields = {}
    for name, value in columns.items():
        if getattr(persona, name) != value:
            changes[name] = (getattr(persona, name), value)
            setattr(persona, name, value)
    if password is not None:
        secrets = digests(persona.user, tables.domains[persona.aor.host].name, password)
        if secrets != (persona.md5, persona.sha256, persona.md5_full, persona.sha256_full):
            changes["password"] = (SECRET if persona.has_password else None, SECRET)
            persona.set_password(password)
    if pin is not None and not persona.check_pin(pin):
        changes["pin"] = (SECRET if persona.pin else None, SECRET)
        persona.set_pin(pin)
    return changes


def apply_aliases(entries: list[Entry], tables: Tables) -> None:
    """Each leads to one user: the one whom the file names last; raises BadFile."""
    for entry in entries:
        uri = tables.aor(entry.values.get("uri"), entry)
        tables.known_domain(uri.host, entry)
        persona = tables.user(entry, "user")
        alias = Alias.objects.filter(uri=uri).select_related("persona").first()
        if alias is None:
            alias = Alias(uri=uri, persona=persona)
            tables.save("aliases", alias, entry, {"user": (None, persona)})
        elif alias.persona_id == persona.pk:
            tables.save("aliases", alias, entry, {})
        elif alias.is_aor:
            raise BadFile(f"line {entry.line}: {uri} is a user of its own")
        else:
            changes = {"user": (alias.persona, persona)}
            alias.persona = persona
            tables.save("aliases", alias, entry, changes)
