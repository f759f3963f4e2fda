"""Write what a plan says, in bulk, inside one transaction of `recording.together` of the caller."""

from collections.abc import Iterable
from datetime import datetime

from provisioning.announce import announce
from provisioning.directories.planning import CONFLICT, CREATED, DELETED, Change, Plan, batches
from provisioning.history import recording
from provisioning.importing.saving import add_aliases, change_users, create_users
from provisioning.importing.tables import BATCH
from provisioning.models import Alias, Directory, DirectoryUser, Domain, Persona

COLUMNS = ["domain", "user", "aor", "name", "enabled", "md5", "sha256", "md5_full", "sha256_full"]
"Of a user that is changed."


def needed(plan: Plan) -> bool:
    """There is something to write."""
    return any(change.what != CONFLICT and (change.what or _is_stale(change)) for change in plan.changes)


def _is_stale(change: Change) -> bool:
    """What is remembered of an unchanged user is not what the entry says."""
    link, person = change.link, change.person
    return link is not None and person is not None and (link.entry, link.missing_since) != (person.entry, None)


def write(directory: Directory, plan: Plan, now: datetime) -> None:
    """Deletions first, then addresses are given up, then taken; edges hear once, after the commit."""
    changes = [change for change in plan.changes if change.what != CONFLICT]
    deleted = [change for change in changes if change.what == DELETED]
    present = [change for change in changes if change.person is not None]
    vanished = [change for change in changes if change.person is None and change.what != DELETED]
    domains = {domain.name: domain for domain in Domain.objects.all()}
    for batch in batches([change.persona.pk for change in deleted if change.persona is not None]):
        Persona.objects.filter(pk__in=batch).delete()
    _give_up(present)
    _change([change for change in present if change.persona is not None], domains)
    _create([change for change in present if change.persona is None], domains)
    _take(present)
    _remember(directory, present)
    _miss(vanished, now)
    if deleted or any(change.what == CREATED or (change.what and change.fields) for change in changes):
        announce(Persona, Alias)


def _give_up(changes: list[Change]) -> None:
    """Aliases that do not follow from an entry any more, and addresses of those who are renamed."""
    gone: list[str] = []
    renamed: list[Persona] = []
    for change in changes:
        if change.link is not None:
            gone += sorted(set(change.link.aliases) - set(change.aliases))
        if "address" in change.fields and change.persona is not None:
            gone.append(change.fields["address"][0])
            renamed.append(change.persona)
    for batch in batches(gone):
        Alias.objects.filter(uri__in=batch).delete()
    for persona in renamed:  # two may change places, and an address belongs to one user at any time
        rows = Persona.objects.filter(pk=persona.pk)
        rows.update(user=f"{persona.pk} renamed", aor=f"sip:{persona.pk}@renamed.invalid")


def _change(changes: list[Change], domains: dict[str, Domain]) -> None:
    changed: list[Persona] = []
    renamed: list[Persona] = []
    "Who have lost their password by it."
    aliases: list[Alias] = []
    for change in changes:
        person, persona = change.person, change.persona
        assert person is not None and persona is not None
        if "address" in change.fields:
            persona.domain, persona.user, persona.aor = domains[person.aor.host], person.aor.user, person.aor
            if persona.md5:
                renamed.append(persona)
            persona.clear_password()
            aliases.append(Alias(uri=person.aor, persona=persona))
        if "name" in change.fields:
            persona.name = change.fields["name"][1]
        if "enabled" in change.fields:
            persona.enabled = change.fields["enabled"][1]
        if change.fields.keys() - {"aliases"}:
            changed.append(persona)
    change_users(changed, COLUMNS, {"password": renamed})
    Alias.objects.bulk_create(aliases, batch_size=BATCH)


def _create(changes: list[Change], domains: dict[str, Domain]) -> None:
    """New users have no password: they cannot log in until somebody gives them one."""
    for change in changes:
        assert change.what == CREATED and change.person is not None
        person = change.person
        change.persona = Persona(
            domain=domains[person.aor.host], user=person.aor.user, aor=person.aor, name=person.name or "",
            enabled=person.enabled is not False,
        )  # fmt: skip
    create_users([change.persona for change in changes if change.persona is not None])


def _take(changes: Iterable[Change]) -> None:
    add_aliases(
        Alias(uri=uri, persona=change.persona)
        for change in changes
        for uri in change.aliases
        if change.link is None or uri not in change.link.aliases
    )


def _remember(directory: Directory, changes: list[Change]) -> None:
    """Whose users they are, and what they were made from."""
    fresh: list[DirectoryUser] = []
    changed: list[DirectoryUser] = []
    for change in changes:
        person = change.person
        assert person is not None
        link = change.link or DirectoryUser(directory=directory, persona=change.persona)
        values = (person.identifier, person.entry, list(change.aliases), None, False)
        if values == (link.identifier, link.entry, sorted(link.aliases), link.missing_since, link.disabled):
            continue
        link.identifier, link.entry, link.aliases, link.missing_since, link.disabled = values
        (fresh if change.link is None else changed).append(link)
    DirectoryUser.objects.bulk_create(fresh, batch_size=BATCH)
    _update(changed)


def _miss(changes: list[Change], now: datetime) -> None:
    off: list[int] = []
    noted: list[DirectoryUser] = []
    for change in changes:
        assert change.link is not None
        if not change.what:
            continue
        change.link.missing_since = change.link.missing_since or now
        if change.fields:
            change.link.disabled = True
            off.append(change.link.persona_id)
        noted.append(change.link)
    for batch in batches(off):
        Persona.objects.filter(pk__in=batch).update(enabled=False)
        recording.changed(Persona, batch)
    _update(noted)


def _update(links: list[DirectoryUser]) -> None:
    columns = ["identifier", "entry", "aliases", "missing_since", "disabled"]
    DirectoryUser.objects.bulk_update(links, columns, batch_size=BATCH // len(columns))
