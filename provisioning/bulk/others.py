"""The tables of lists, access lists and mappings."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from provisioning.bulk.cells import number
from provisioning.bulk.kinds import (
    Column,
    Key,
    Known,
    Row,
    State,
    addresses,
    choice,
    of_model,
    one_address,
    register,
    subjects,
)
from provisioning.bulk.people import Users
from provisioning.bulk.single import SingleKind
from provisioning.choices import Effect, SubjectKind
from provisioning.importing import access, routing
from provisioning.models import (
    ForeignMapping,
    ForeignServer,
    ResourceList,
    ResourceListMember,
    UriAcl,
    UriAclEntry,
)
from provisioning.uri import Aor

EFFECTS: Final = tuple(Effect.values)
"Each has a column of its own in the table of access lists."

PRIORITY: Final = 2_147_483_647
"The largest number that the column of the database holds."


class Lists(SingleKind):
    """Resource lists with their members."""

    name = "lists"
    key = ("list",)
    users = ("owner",)
    models = (ResourceList, ResourceListMember)
    apply = access.resource_list
    columns = (
        Column("list", one_address, example="team@example.org"),
        Column("owner", one_address, example="alice@example.org"),
        Column("name", of_model(ResourceList, "name"), example="Team"),
        Column("members", addresses, empty=[], several=True, example="alice@example.org bob@example.org"),
    )

    def entry(self, state: State) -> dict[str, Any]:
        """As section `lists`."""
        return {"uri": state["list"], **{name: state[name] for name in ("owner", "name", "members")}}

    def rows(self) -> QuerySet[Any]:
        """With owners and members."""
        return ResourceList.objects.select_related("owner").prefetch_related("members")

    def where(self, key: Key) -> Q:
        """By its URI."""
        return Q(uri=Aor(key[0]))

    def state(self, row: ResourceList) -> State:
        """Members in their order."""
        owner = str(row.owner.aor) if row.owner is not None else ""
        members = [str(member.uri) for member in row.members.all()]
        return {"list": str(row.uri), "owner": owner, "name": row.name, "members": members}

    def check(self, row: Row, known: Known) -> None:
        """The URI leads to nobody else, and is in a domain of ours."""
        known.served(Aor(row.key[0]))
        if row.key[0] in known.owners([row.key[0]]):
            raise ValidationError(f"{row.key[0]} is the address of a user.")
        known.planned_lists.add(row.key[0])


class AccessLists(SingleKind):
    """Who may watch a user; each effect has a column with addresses and `*@domain`."""

    name = "access"
    key = ("user",)
    users = ("user",)
    models = (UriAcl, UriAclEntry)
    apply = access.uri_acl
    columns = (
        Column("user", one_address, example="alice@example.org"),
        Column("default", choice(UriAcl, "default"), empty=Effect.BLOCK.value, example="block"),
        *(
            Column(effect, subjects, empty=[], several=True, example=example)
            for effect, example in zip(EFFECTS, ("bob@example.org *@example.net", "", ""), strict=True)
        ),
    )

    def entry(self, state: State) -> dict[str, Any]:
        """As section `uri_acls`."""
        from provisioning.importing.grammar import Entry

        entries = []
        for effect in EFFECTS:
            for one in state[effect]:
                whom = {"domain": one[2:]} if one.startswith("*@") else {"uri": one}
                entries.append(Entry({**whom, "effect": effect}, 0))
        return {"presentity": state["user"], "default": state["default"], "entries": entries}

    def rows(self) -> QuerySet[Any]:
        """With users and entries."""
        return UriAcl.objects.select_related("presentity").prefetch_related("entries")

    def where(self, key: Key) -> Q:
        """By its user."""
        return Q(presentity__aor=Aor(key[0]))

    def state(self, row: UriAcl) -> State:
        """Entries by effect, sorted."""
        found: State = {"user": str(row.presentity.aor), "default": row.default, **{effect: [] for effect in EFFECTS}}
        for entry in row.entries.all():
            found[entry.effect].append(f"*@{entry.value}" if entry.kind == SubjectKind.DOMAIN else str(entry.value))
        return {**found, **{effect: sorted(found[effect]) for effect in EFFECTS}}

    def check(self, row: Row, known: Known) -> None:
        """One effect for each watcher."""
        seen: dict[str, str] = {}
        for effect in EFFECTS:
            for one in row.after[effect]:
                if one in seen:
                    raise ValidationError({effect: f"{one} stands under {seen[one]} too."})
                seen[one] = effect


class Mappings(SingleKind):
    """Whose state is that of a presentity at a foreign server."""

    name = "mappings"
    key = ("user", "foreign")
    users = ("user",)
    models = (ForeignMapping,)
    apply = routing.mapping
    columns = (
        Column("user", one_address, example="alice@example.org"),
        Column("foreign", one_address, example="5555@cm.example.com"),
        Column("server", of_model(ForeignServer, "name"), example="cm"),
        Column("priority", number, empty=0, example="0"),
    )

    def entry(self, state: State) -> dict[str, Any]:
        """As section `mappings`."""
        return dict(state)

    def rows(self) -> QuerySet[Any]:
        """With users and servers."""
        return ForeignMapping.objects.select_related("persona", "server")

    def where(self, key: Key) -> Q:
        """By user and foreign presentity."""
        return Q(persona__aor=Aor(key[0]), foreign=Aor(key[1]))

    def state(self, row: ForeignMapping) -> State:
        """Flat."""
        return {
            "user": str(row.persona.aor),
            "foreign": str(row.foreign),
            "server": row.server.name,
            "priority": row.priority,
        }

    def check(self, row: Row, known: Known) -> None:
        """The server is there, and the number fits."""
        if not ForeignServer.objects.filter(name=row.after["server"]).exists():
            raise ValidationError({"server": f"There is no foreign server “{row.after['server']}”."})
        if abs(row.after["priority"]) > PRIORITY:
            raise ValidationError({"priority": "This number is too large."})


for kind in (Users, Lists, AccessLists, Mappings):
    register(kind())
