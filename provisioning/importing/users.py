"""The sections `users` and `aliases` of the provisioning file: one by one, and by pattern in bulk."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError

from provisioning.digests import digests
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.saving import SECRETS, save_users, taken
from provisioning.importing.tables import BATCH, Tables
from provisioning.models import Alias, Persona
from provisioning.uri import Aor

MAX_PATTERN = 1_000_000
"Users of one pattern; more is a slip of the finger."


def apply_users(entries: list[Entry], tables: Tables) -> None:
    """Create users, and change those where the file says something else; raises BadFile."""
    wanted: dict[Aor, tuple[str, str | None, str | None]] = {}
    pins: dict[Aor, str] = {}
    for entry in entries:
        for aor, password, name in _expand(entry, tables):
            wanted[aor] = (aor.user, password, name)
            if (pin := _pin(entry)) is not None:
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
            persona = Persona(domain=tables.domains[aor.host], user=user, aor=aor, name=name or "")
            fresh.append(persona)
            if password is not None:
                persona.set_password(password)
            if aor in pins:
                persona.set_pin(pins[aor])
        elif _update(persona, password, name, pins.get(aor), tables):
            changed.append(persona)
    if held_by_others := taken([persona.aor for persona in fresh]):
        raise BadFile(
            f"section “users”: {held_by_others[0].uri} is already an alias of {held_by_others[0].persona.aor}"
        )
    save_users(fresh, changed, ("name", *SECRETS))
    tables.count("users", len(fresh), len(changed), len(wanted))


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


def _update(persona: Persona, password: str | None, name: str | None, pin: str | None, tables: Tables) -> bool:
    """Change a user where the file says something else; True when something was changed."""
    changed = False
    if name is not None and name != persona.name:
        persona.name, changed = name, True
    if password is not None:
        secrets = digests(persona.user, tables.domains[persona.aor.host].name, password)
        if secrets != (persona.md5, persona.sha256, persona.md5_full, persona.sha256_full):
            persona.set_password(password)
            changed = True
    if pin is not None and not persona.check_pin(pin):
        persona.set_pin(pin)
        changed = True
    return changed


def apply_aliases(entries: list[Entry], tables: Tables) -> None:
    """Each leads to one user: the one whom the file names last; raises BadFile."""
    for entry in entries:
        uri = tables.aor(entry.values.get("uri"), entry)
        tables.known_domain(uri.host, entry)
        persona = tables.user(entry, "user")
        alias = Alias.objects.filter(uri=uri).select_related("persona").first()
        if alias is None:
            Alias.objects.create(uri=uri, persona=persona)
            tables.report.created["aliases"] += 1
        elif alias.persona_id == persona.pk:
            tables.report.unchanged["aliases"] += 1
        elif alias.is_aor:
            raise BadFile(f"line {entry.line}: {uri} is a user of its own")
        else:
            alias.persona = persona
            alias.save()
            tables.report.changed["aliases"] += 1
