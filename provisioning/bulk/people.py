"""The table of users: address, name, password, PIN, switches, and the other addresses that lead to a user."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError

from provisioning.bulk.cells import flag
from provisioning.bulk.kinds import (
    Column,
    Key,
    Kind,
    Known,
    Row,
    State,
    addresses,
    as_text,
    choice,
    of_model,
    one_address,
)
from provisioning.choices import PublishPolicy
from provisioning.digests import digests
from provisioning.importing.saving import DIGESTS, PLAIN, add_aliases, change_users, create_users
from provisioning.importing.tables import BATCH
from provisioning.inserting import prepare
from provisioning.models import Alias, Persona, ResourceList
from provisioning.uri import Aor

MAX_PASSWORD = 256
"Characters, as in the admin."

OWN = {"provisioning", "cti"}
"Applications whose rows somebody has provisioned for a user: they are not taken away along with it."


def _password(cell: Any) -> str:
    text = as_text(cell)
    if len(text) > MAX_PASSWORD:
        raise ValidationError(f"A password has at most {MAX_PASSWORD} characters.")
    return text


def _pin(cell: Any) -> str:
    text = as_text(cell).strip()
    Persona.validate_pin(text)
    return text


class Users(Kind):
    """Users, in bulk."""

    name = "users"
    key = ("address",)
    models = (Persona, Alias)
    columns = (
        Column("address", one_address, example="alice@example.org"),
        Column("name", of_model(Persona, "name"), example="Alice Example"),
        Column("password", _password, secret=True, example="correct horse battery"),
        Column("pin", _pin, secret=True, example="0471"),
        Column("enabled", flag, empty=True, example="yes"),
        Column("aliases", addresses, empty=[], several=True, example="a.example@example.org office@example.org"),
        Column("confirm_watchers", flag, empty=False, example="no"),
        Column("offline_messages", flag, empty=False, example="yes"),
        Column("publish_policy", choice(Persona, "publish_policy"), empty=PublishPolicy.SELF.value, example="self"),
    )

    def secure(self, rows: list[Row], *, hashing: bool) -> None:
        """Hash PINs: some dozens a second. One that the user has already keeps its hash."""
        wanted = [row for row in rows if "pin" in row.given and not row.errors]
        held = self.secrets_of([row.key for row in wanted])
        for row in wanted:
            user = Persona(pin=held.get(row.key, {}).get("pin", ""))
            if not user.pin or not user.check_pin(row.given["pin"]):
                if hashing:
                    user.set_pin(row.given["pin"])
                else:
                    user.pin = "another one"
            row.secrets["pin"] = user.pin

    def states(self, keys: list[Key]) -> dict[Key, State]:
        """Users by address of record."""
        found = Persona.objects.filter(aor__in=[Aor(key[0]) for key in keys]).order_by()
        return {(state["address"],): state for state in _states(found.values_list("id", "aor", *PLAIN))}

    def everything(self) -> Iterator[State]:
        """All users by address, some at a time."""
        last = ""
        while rows := list(
            Persona.objects.filter(aor__gt=last).order_by("aor").values_list("id", "aor", *PLAIN)[:BATCH]
        ):
            yield from _states(rows)
            last = rows[-1][1]

    def secrets_of(self, keys: list[Key]) -> dict[Key, dict[str, str]]:
        """Digests, and the hash of the PIN."""
        found = Persona.objects.filter(aor__in=[Aor(key[0]) for key in keys]).order_by().values_list("aor", *DIGESTS)
        return {(str(aor),): dict(zip(DIGESTS, secrets, strict=True)) for aor, *secrets in found}

    def plan(self, rows: list[Row], known: Known) -> None:
        """What each user becomes; an address leads to one user only, and to no list."""
        for row in rows:
            if not row.errors:
                known.once(self, row)
        rows = [row for row in rows if not row.errors]
        keys = [row.key for row in rows]
        states, secrets = self.states(keys), self.secrets_of(keys)
        wanted = {*(key[0] for key in keys), *(one for row in rows for one in row.given.get("aliases", ()))}
        owners = known.owners(wanted)
        lists = set(ResourceList.objects.filter(uri__in=map(Aor, wanted)).order_by().values_list("uri", flat=True))
        for row in rows:
            row.before = states.get(row.key)
            self._fill(row, secrets.get(row.key, dict.fromkeys(DIGESTS, "")), known)
            self._check_addresses(row, known, owners, {*map(str, lists), *known.planned_lists})
            if not row.errors:
                gone = set((row.before or {}).get("aliases", ())) - set(row.after["aliases"])
                known.planned |= dict.fromkeys(gone, None) | dict.fromkeys(
                    [row.key[0], *row.after["aliases"]], row.key[0]
                )

    def _fill(self, row: Row, held: dict[str, str], known: Known) -> None:
        aor = Aor(row.key[0])
        plain = {column.name: column.empty for column in self.columns if not column.secret}
        given = {name: value for name, value in row.given.items() if not self.column(name).secret}
        row.after = {**plain, **(row.before or {}), **given}
        row.after["aliases"] = sorted(set(row.after["aliases"]) - {row.key[0]})
        user = Persona(user=aor.user, aor=aor, **{name: row.after[name] for name in PLAIN})
        try:
            if row.before is None:
                known.served(aor)
            user.clean_fields(exclude={"domain"})
        except ValidationError as error:
            row.wrong("address", error)
            return
        hashed = dict(row.secrets)
        if "password" in row.given:
            found = digests(aor.user, aor.host, row.given["password"])
            hashed |= dict(zip(DIGESTS, found, strict=False))
        row.secrets = {name: value for name, value in hashed.items() if value != held[name]}
        row.secrets_before = held if row.before is not None else {}
        row.secret_columns = [
            name
            for name in ("password", "pin")
            if ("pin" in row.secrets if name == "pin" else row.secrets.keys() - {"pin"})
        ]

    def _check_addresses(self, row: Row, known: Known, owners: dict[str, str], lists: set[str]) -> None:
        mine = row.key[0]
        had = set((row.before or {}).get("aliases", ())) | ({mine} if row.before is not None else set())
        for one in [mine, *row.after["aliases"]]:
            column = "address" if one == mine else "aliases"
            owner = known.planned.get(one) if one in known.planned else owners.get(one)
            try:
                if one not in had:
                    known.served(Aor(one))
            except ValidationError as error:
                if column == "aliases":
                    row.wrong(column, error)
            if owner is not None and owner != mine:
                row.wrong(column, f"{one} already leads to {owner}.")
            elif one in lists:
                row.wrong(column, f"{one} is the URI of a list.")

    def still(self, rows: list[Row]) -> bool:
        """Secrets are the same too, and nobody has taken an address meanwhile."""
        if not super().still(rows):
            return False
        secrets = self.secrets_of([row.key for row in rows if row.before is not None])
        if any(row.before is not None and secrets[row.key] != row.secrets_before for row in rows):
            return False
        had = {one for row in rows if row.before is not None for one in (row.key[0], *row.before["aliases"])}
        wanted = {Aor(one) for row in rows for one in (row.key[0], *row.after["aliases"])} - had
        return not any(table.objects.filter(uri__in=wanted).exists() for table in (Alias, ResourceList))

    def write(self, rows: list[Row], known: Known) -> None:
        """In bulk; aliases that go are gone before others come."""
        self.prepare(rows, known)
        old = [row for row in rows if row.before is not None]
        held = {str(user.aor): user for user in Persona.objects.filter(aor__in=[Aor(row.key[0]) for row in old])}
        for row in old:
            self._assign(held[row.key[0]], row)
        had = {row.key[0]: set((row.before or {}).get("aliases", ())) for row in rows}
        gone = [Aor(one) for row in old for one in had[row.key[0]] - set(row.after["aliases"])]
        for start in range(0, len(gone), BATCH):
            Alias.objects.filter(uri__in=gone[start : start + BATCH]).delete()
        create_users([row.made for row in rows if row.before is None])
        renewed = {
            secret: [held[row.key[0]] for row in old if column in row.secret_columns]
            for secret, column in (("password", "password"), ("PIN", "pin"))
        }
        change_users([held[row.key[0]] for row in old], (*PLAIN, *DIGESTS), renewed)
        add_aliases((one, row.key[0]) for row in rows for one in row.after["aliases"] if one not in had[row.key[0]])

    def prepare(self, rows: list[Row], known: Known) -> None:
        """New users as they will be written."""
        for row in rows:
            if row.before is None and row.made is None:
                aor = Aor(row.key[0])
                row.made = Persona(domain=known.domains[aor.host], user=aor.user, aor=aor)
                self._assign(row.made, row)
        prepare([row.made for row in rows if row.made is not None])

    def _assign(self, user: Persona, row: Row) -> None:
        for name, value in ({name: row.after[name] for name in PLAIN} | row.secrets).items():
            setattr(user, name, value)

    def remove(self, keys: list[Key]) -> dict[Key, str]:
        """Users go with their soft state, but not with what has been provisioned for them since."""
        users = {
            id: str(aor)
            for id, aor in Persona.objects.filter(aor__in=[Aor(key[0]) for key in keys]).values_list("id", "aor")
        }
        stay: dict[Key, str] = {}
        for relation in Persona._meta.related_objects:
            table, name = relation.related_model, relation.field.name
            if relation.many_to_many or table is Alias or table._meta.app_label not in OWN:
                continue
            found = table._default_manager.filter(**{f"{name}__in": list(users)}).order_by()
            for id in set(found.values_list(name, flat=True)):
                stay[(users[id],)] = f"There are {table._meta.verbose_name_plural} of this user now."
        gone = [id for id, aor in users.items() if (aor,) not in stay]
        Persona.objects.filter(id__in=gone).delete()
        return stay


def _states(rows: Any) -> Iterator[State]:
    rows = list(rows)
    others: dict[int, list[str]] = defaultdict(list)
    for start in range(0, len(rows), BATCH):
        ids = [row[0] for row in rows[start : start + BATCH]]
        for id, uri in Alias.objects.filter(persona_id__in=ids).order_by("uri").values_list("persona_id", "uri"):
            others[id].append(str(uri))
    for id, aor, *plain in rows:
        state = {"address": str(aor), **dict(zip(PLAIN, plain, strict=True))}
        yield {**state, "aliases": sorted(one for one in others[id] if one != str(aor))}
