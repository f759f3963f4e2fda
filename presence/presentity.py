"""One user's publications and back-end states, the components made of them, and the documents made of those."""

from collections.abc import Sequence
from datetime import datetime

from presence.engine import pidf
from presence.engine.composition import Component, Composed, Rendered, component, compose, render
from presence.engine.errors import DomainError
from presence.engine.filtering import View
from presence.engine.types import Document
from presence.rows import BackendRow, PublicationRow
from presence.store import Loaded
from provisioning.policy import Policy

Sources = tuple[int, ...]
"Back-end subscriptions by id, whose states go into a composition."


class Presentity:
    """One user's components in memory."""

    __slots__ = (
        "_components", "_composed", "_documents", "backends", "ever_published", "persona_id", "publications", "used_at",
    )  # fmt: skip

    def __init__(self, persona_id: int, ever_published: bool) -> None:
        self.persona_id = persona_id
        "A user's id, or the key of a foreign presentity."
        self.ever_published = ever_published
        self.publications: dict[int, PublicationRow] = {}
        self.backends: dict[int, BackendRow] = {}
        self.used_at = 0.0
        self._components: dict[int, Component | Document] = {}
        "By publication or back-end subscription: a document as read until its component is made."
        self._composed: dict[Sources, Composed] = {}
        self._documents: dict[tuple[str, View, Sources], Rendered] = {}

    def put(self, row: PublicationRow, document: Document | None) -> None:
        """Take in a publication as it now is; its component is made when it is needed."""
        old = self.publications.get(row.id)
        if old is not None and old.version >= row.version:
            return
        known = self._components.pop(row.id, None)
        self.stale()
        if not row.body:
            self.publications.pop(row.id, None)
            return
        self.publications[row.id] = row
        if document is None and known is not None and old is not None and old.body == row.body:
            document = known.document if isinstance(known, Component) else known
        if document is not None:
            self._components[row.id] = document

    def discard(self, publication_id: int) -> None:
        """A publication has run out."""
        self.publications.pop(publication_id, None)
        self._components.pop(publication_id, None)
        self.stale()

    def put_backend(self, row: BackendRow, document: Document | None) -> None:
        """Take in a back-end subscription as it now is."""
        old = self.backends.get(row.id)
        if old is not None and old.version >= row.version:
            return
        self.backends[row.id] = row
        if old is None or (old.body, old.user_agent, old.priority) != (row.body, row.user_agent, row.priority):
            self._components.pop(row.id, None)
            if document is not None:
                self._components[row.id] = document
        self.stale()

    def discard_backend(self, backend_id: int) -> None:
        """A back-end subscription is gone."""
        self.backends.pop(backend_id, None)
        self._components.pop(backend_id, None)
        self.stale()

    def sources_for(self, watcher: str, accept: str) -> Sources:
        """The back-end subscriptions whose state this watcher may be shown (D-30): its own, and shared ones."""
        if not self.backends:
            return ()
        return tuple(
            row.id for row in self.backends.values() if row.shared or (row.watcher == watcher and row.accept == accept)
        )

    def stale(self) -> None:
        """The composition does not hold any more."""
        self._composed.clear()
        self._documents.clear()

    def policy_changed(self) -> None:
        """Priorities or capabilities may be different: prepare the components anew."""
        for id, made in self._components.items():
            if isinstance(made, Component):
                self._components[id] = made.document
        self.stale()

    def composed(self, policy: Policy, now: datetime, sources: Sources | None = None) -> Composed:
        """The state of the user, by the rules in force; with the state of these back-end subscriptions (None: all)."""
        if sources is None:
            sources = tuple(self.backends)
        composed = self._composed.get(sources)
        if composed is None:
            live = [self._component(row, policy) for row in self.publications.values() if row.expires_at > now]
            held = [row for id in sources if (row := self.backends.get(id)) is not None]
            live += [self._component(row, policy, row.priority) for row in held if row.body and row.expires_at > now]
            composed = self._composed[sources] = compose(
                [one for one in live if one is not None],
                rules=policy.rules,
                ever_published=self.ever_published or any(row.body for row in held),
                backend_missing=self._missing(held, policy, now),
            )
        return composed

    def _missing(self, held: list[BackendRow], policy: Policy, now: datetime) -> bool:
        """A back-end subscription that the user is mapped to is not active (D-23 rule 2)."""
        active = {row.foreign for row in held if row.state == "active" and row.expires_at > now}
        if self.persona_id < 0:
            return not active
        return any(mapping.foreign not in active for mapping in policy.mappings.get(self.persona_id, ()))

    def document(self, uri: str, view: View, policy: Policy, now: datetime, sources: Sources | None = None) -> Rendered:
        """The document of one view for those who asked for `uri`."""
        if sources is None:
            sources = tuple(self.backends)
        rendered = self._documents.get((uri, view, sources))
        if rendered is None:
            composed = self.composed(policy, now, sources)
            rendered = self._documents[uri, view, sources] = render(composed, entity=uri, view=view)
        return rendered

    def _component(self, row: PublicationRow | BackendRow, policy: Policy, priority: int = 0) -> Component | None:
        made = self._components.get(row.id)
        if not isinstance(made, Component):
            document = made
            if document is None:
                try:
                    document = pidf.parse(row.body, dialects=True)
                except DomainError:  # it was accepted once; what cannot be read any more is not shown
                    return None
            made = component(
                row.id,
                document,
                user_agent=row.user_agent,
                updated_at=row.changed_at,
                created_at=row.created_at,
                expires_at=row.expires_at,
                sources=policy.sources,
                capabilities=policy.capabilities,
                mapping_priority=priority,
                device_types=policy.device_types,
                device_sources=policy.device_sources,
            )
            self._components[row.id] = made
        return made


def from_loaded(loaded: Sequence[Loaded]) -> list[Presentity]:
    """Presentities outside of a working set, for one look: REST and the admin."""
    presentities = []
    for one in loaded:
        presentity = Presentity(one.persona_id, one.ever_published)
        for row in one.publications:
            presentity.put(row, None)
        for state in one.backends:
            presentity.put_backend(state, None)
        presentities.append(presentity)
    return presentities
